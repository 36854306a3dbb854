package realparts

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Parts of vmCloud, and the first word of their paths.
const (
	metadata = "metadata"
	vault    = "vault"
	storage  = "storage"
)

// unreachable is a status that no answer has.
const unreachable = -1

const clientID = "22222222-3333-4444-5555-666666666666"

// vmCloud plays what a machine asks of Azure: a token for its identity, the vault, and the storage account.
type vmCloud struct {
	*httptest.Server
	tokens map[string]string // by resource

	mu       sync.Mutex
	secrets  map[string]string
	blobs    map[string]map[string]string // by container
	writable string                       // the container that nodes may write
	trouble  func(part string, r *http.Request) int
	offered  map[string]string // to anybody, by name
	instance string            // what a machine hears of itself, in JSON
	calls    []string
	refused  []string // without the right token or header
}

func newVMCloud(t *testing.T) *vmCloud {
	t.Helper()
	c := &vmCloud{
		tokens:  map[string]string{"https://vault.azure.net": rand.Text(), "https://storage.azure.com/": rand.Text()},
		secrets: map[string]string{}, blobs: map[string]map[string]string{}, offered: map[string]string{},
		instance: `{"name":"amora-0","zone":"2","location":"westeurope"}`,
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// breaks has every call of one part fail, until the next call of breaks. "" breaks none.
func (c *vmCloud) breaks(part string, status int) {
	c.breaksWhen(func(p string, _ *http.Request) int {
		if p == part {
			return status
		}
		return 0
	})
}

func (c *vmCloud) breaksWhen(trouble func(part string, r *http.Request) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = trouble
}

func (c *vmCloud) setSecret(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[name] = value
}

func (c *vmCloud) secretURL(name string) string { return c.URL + "/" + vault + "/secrets/" + name }

func (c *vmCloud) put(container, name, content string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blobs[container] == nil {
		c.blobs[container] = map[string]string{}
	}
	c.blobs[container][name] = content
}

func (c *vmCloud) remove(container, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.blobs[container], name)
}

func (c *vmCloud) blob(container, name string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content, has := c.blobs[container][name]
	return content, has
}

// offers gives anybody a file.
func (c *vmCloud) offers(name, content string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offered[name] = content
}

// count is how many calls had this beginning, as in "PUT storage/shared/".
func (c *vmCloud) count(beginning string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, call := range c.calls {
		if strings.HasPrefix(call, beginning) {
			n++
		}
	}
	return n
}

func (c *vmCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	part, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.calls = append(c.calls, r.Method+" "+part+"/"+rest)
	if c.trouble != nil {
		switch status := c.trouble(part, r); status {
		case 0:
		case unreachable:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(status)
			return
		}
	}
	status, answer := c.answer(part, rest, r, string(body))
	if status == http.StatusUnauthorized || status == http.StatusBadRequest {
		c.refused = append(c.refused, fmt.Sprint(r.Method, " ", r.URL, " ", status))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, answer) // the caller may be gone
	}
}

func (c *vmCloud) answer(part, rest string, r *http.Request, body string) (int, string) {
	switch part {
	case metadata:
		if rest == "instance/compute" {
			return c.machine(r)
		}
		return c.token(rest, r)
	case vault:
		return c.secret(rest, r)
	case storage:
		return c.stored(rest, r, body)
	}
	if content, has := c.offered[part]; has {
		return http.StatusOK, content
	}
	return http.StatusNotFound, ""
}

// is has a machine hear this of itself.
func (c *vmCloud) is(instance string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instance = instance
}

func (c *vmCloud) machine(r *http.Request) (int, string) {
	if r.Header.Get("Metadata") != "true" || r.URL.RawQuery != "api-version=2021-02-01" {
		return http.StatusBadRequest, `{"error":"Bad request"}`
	}
	return http.StatusOK, c.instance
}

func (c *vmCloud) token(rest string, r *http.Request) (int, string) {
	query := r.URL.Query()
	token, known := c.tokens[query.Get("resource")]
	if r.Header.Get("Metadata") != "true" || rest != "identity/oauth2/token" ||
		query.Get("api-version") != "2018-02-01" || query.Get("client_id") != clientID || !known {
		return http.StatusBadRequest, `{"error":"invalid_request"}`
	}
	return http.StatusOK, `{"access_token":"` + token + `","expires_in":"86399","token_type":"Bearer"}`
}

func (c *vmCloud) secret(rest string, r *http.Request) (int, string) {
	if r.Header.Get("Authorization") != "Bearer "+c.tokens["https://vault.azure.net"] {
		return http.StatusUnauthorized, ""
	}
	if r.Method != http.MethodGet || r.URL.RawQuery != "api-version=7.4" {
		return http.StatusBadRequest, ""
	}
	name, secret := strings.CutPrefix(rest, "secrets/")
	value, has := c.secrets[name]
	if !secret || !has {
		return http.StatusNotFound, ""
	}
	answer, err := json.Marshal(map[string]any{"value": value, "id": r.URL.Path,
		"attributes": map[string]any{"enabled": true}})
	if err != nil {
		return http.StatusInternalServerError, ""
	}
	return http.StatusOK, string(answer)
}

func (c *vmCloud) stored(rest string, r *http.Request, body string) (int, string) {
	if r.Header.Get("Authorization") != "Bearer "+c.tokens["https://storage.azure.com/"] {
		return http.StatusUnauthorized, ""
	}
	if r.Header.Get("x-ms-version") < "2017-11-09" { // older ones know no bearer
		return http.StatusBadRequest, ""
	}
	container, name, _ := strings.Cut(rest, "/")
	blobs, known := c.blobs[container]
	if !known {
		return http.StatusNotFound, ""
	}
	content, has := blobs[name]
	reads := slices.Contains([]string{http.MethodGet, http.MethodHead}, r.Method)
	switch {
	case !reads && container != c.writable:
		return http.StatusForbidden, ""
	case r.Method == http.MethodPut && r.Header.Get("x-ms-blob-type") != "BlockBlob":
		return http.StatusBadRequest, ""
	case r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && has:
		return http.StatusConflict, ""
	case r.Method == http.MethodPut:
		blobs[name] = body
		return http.StatusCreated, ""
	case !has:
		return http.StatusNotFound, ""
	case r.Method == http.MethodDelete:
		delete(blobs, name)
		return http.StatusAccepted, ""
	case reads:
		return http.StatusOK, content
	}
	return http.StatusBadRequest, ""
}
