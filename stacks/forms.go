package stacks

import (
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// cronFields are the ranges of the fields that a cron expression has, and the names that stand for their numbers: those
// of the parser that KEDA, and so Container Apps, reads it with (github.com/robfig/cron, standard).
var cronFields = []struct {
	low, high int
	names     []string // of low, low+1, …
}{
	{0, 59, nil}, {0, 23, nil}, {1, 31, nil},
	{1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// isCron says whether a text is a cron expression of five fields.
func isCron(text string) bool {
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		return false
	}
	for i, field := range fields {
		kind := cronFields[i]
		number := func(text string) int {
			if at := slices.Index(kind.names, strings.ToLower(text)); at >= 0 {
				return kind.low + at
			}
			n, err := strconv.Atoi(text)
			if err != nil || n < kind.low || n > kind.high {
				return -1
			}
			return n
		}
		for part := range strings.SplitSeq(field, ",") {
			span, step, stepped := strings.Cut(part, "/")
			if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
				return false
			}
			if span == "*" || span == "?" {
				continue
			}
			low, high, ranged := strings.Cut(span, "-")
			if number(low) < 0 || ranged && number(high) < number(low) {
				return false
			}
		}
	}
	return true
}

// isSSHKey says whether a text is a public key as Azure takes it for a machine: Ed25519, or RSA of [minRSABits] or
// more, in OpenSSH's form (RFC 4253, 6.6; RFC 8709).
func isSSHKey(text string) bool {
	fields := strings.Fields(text)
	if len(fields) < 2 || strings.ContainsAny(text, "\r\n") {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return false
	}
	var parts []string
	for len(blob) > 0 {
		if len(blob) < 4 || uint64(binary.BigEndian.Uint32(blob)) > uint64(len(blob)-4) {
			return false
		}
		end := 4 + int(binary.BigEndian.Uint32(blob))
		parts = append(parts, string(blob[4:end]))
		blob = blob[end:]
	}
	switch {
	case len(parts) == 2 && parts[0] == "ssh-ed25519":
		return fields[0] == parts[0] && len(parts[1]) == 32
	case len(parts) == 3 && parts[0] == "ssh-rsa":
		return fields[0] == parts[0] && new(big.Int).SetBytes([]byte(parts[2])).BitLen() >= minRSABits
	default:
		return false
	}
}
