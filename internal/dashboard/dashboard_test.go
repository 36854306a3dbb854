package main

import (
	"os"
	"strings"
	"testing"
)

func TestThePictureOfTheDashboardIsWhatTheCommandDraws(t *testing.T) {
	picture, err := draw()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../../docs/dashboard.svg")
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != picture {
		t.Error("docs/dashboard.svg is out of date: make generate")
	}
}

// What the made-up day tells, hour by hour: the alerts that fire in it, and no others.
func TestTheAlertsOfTheMadeUpDayAreThoseOfItsStory(t *testing.T) {
	fired, err := madeUpDay().alerts()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"node-missing":            "09:45 10:00", // 25 minutes after the loss at the latest, and until it is back
		"authentication-failures": "11:45 12:00 12:15",
		"cluster-split":           "14:20 14:25 14:30 14:35 14:40 14:45",
		"messages-dropped":        "15:00 19:15 19:30 19:45",
		"connections-high":        "19:30 19:45 20:00 20:15",
	}
	for _, f := range fired {
		var at []string
		for _, found := range f.at {
			at = append(at, found.Format("15:04"))
		}
		if got := strings.Join(at, " "); got != want[f.Key] {
			t.Errorf("%s fires at %q, want %q", f.Key, got, want[f.Key])
		}
	}
}
