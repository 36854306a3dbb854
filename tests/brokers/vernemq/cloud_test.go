package vernemq

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	metadataAddress = "169.254.169.254"
	clientID        = "22222222-3333-4444-5555-666666666666"
)

// cloud plays what a machine asks of Azure, as far as its scripts go.
type cloud struct {
	mu      sync.Mutex
	secrets map[string]string
	blobs   map[string]string // by CONTAINER/NAME
}

func newCloud(t *testing.T, address string) *cloud {
	t.Helper()
	c := &cloud{secrets: map[string]string{}, blobs: map[string]string{}}
	if err := c.serve(address); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cloud) serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		go http.Serve(listener, c)
	}
	return err
}

func (c *cloud) setSecret(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[name] = value
}

func (c *cloud) put(blobs map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.blobs, blobs)
}

// names lists the blobs whose names begin so.
func (c *cloud) names(beginning string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := func(name string) bool { return !strings.HasPrefix(name, beginning) }
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.blobs)), others)
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	part, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case part == "metadata" && r.Header.Get("Metadata") == "true":
		io.WriteString(w, `{"access_token":"token","token_type":"Bearer"}`)
	case r.Header.Get("Authorization") != "Bearer token":
		w.WriteHeader(http.StatusUnauthorized)
	case part == "secrets":
		value, has := c.secrets[rest]
		if !has {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"value": value})
	default:
		c.blob(w, r, part+"/"+rest, string(body))
	}
}

func (c *cloud) blob(w http.ResponseWriter, r *http.Request, name, body string) {
	content, has := c.blobs[name]
	switch {
	case r.Method == http.MethodPut && has && r.Header.Get("If-None-Match") == "*":
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodPut:
		c.blobs[name] = body
		w.WriteHeader(http.StatusCreated)
	case !has:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(c.blobs, name)
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodGet:
		io.WriteString(w, content)
	}
}
