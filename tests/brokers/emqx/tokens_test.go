package emqx

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// The issuer's settings. Its address is the hub's, as those of the stores.
const (
	issuerHost = "issuer.lab.test"
	issuerPort = 8444
	issuerName = "https://issuer.lab.test/"
	audience   = "mqtt-clients"

	sharedSecret = "a secret that stands among the keys"
)

// issuer gives tokens, and shows the keys that it signs with.
type issuer struct {
	t      testing.TB
	server *http.Server
	ca     *parts.Authority

	hangs atomic.Bool // it answers when the one who asks has gone
	mu    sync.Mutex
	keys  map[string]crypto.Signer
	asked int
}

func newIssuer(t testing.TB, ca *parts.Authority) *issuer {
	t.Helper()
	first, err := rsa.GenerateKey(rand.Reader, 2048)
	parts.Must(t, err)
	second, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	parts.Must(t, err)
	return &issuer{t: t, ca: ca, keys: map[string]crypto.Signer{"rsa": first, "ec": second}}
}

func (i *issuer) start() {
	i.t.Helper()
	key, certificate := i.ca.Sign(i.t, issuerHost)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	parts.Must(i.t, err)
	address := fmt.Sprintf("%s:%d", hub, issuerPort)
	listener, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{pair}})
	parts.Must(i.t, err)
	server := &http.Server{Handler: i, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener) // ends with the server
	i.t.Cleanup(func() { server.Close() })
	i.server = server
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if i.hangs.Load() {
		<-r.Context().Done()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	all := []map[string]string{{"kty": "oct", "kid": "shared", "k": encode([]byte(sharedSecret))}}
	for id, key := range i.keys {
		switch public := key.Public().(type) {
		case *rsa.PublicKey:
			all = append(all, map[string]string{
				"kty": "RSA", "use": "sig", "kid": id, "n": encode(public.N.Bytes()), "e": "AQAB",
			})
		case *ecdsa.PublicKey:
			point, err := public.Bytes()
			if err != nil {
				panic(err)
			}
			all = append(all, map[string]string{
				"kty": "EC", "crv": "P-256", "kid": id, "x": encode(point[1:33]), "y": encode(point[33:]),
			})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": all}) // who went away asks again
}

// rotate gives a key another name, and other numbers.
func (i *issuer) rotate(from, to string) {
	i.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	parts.Must(i.t, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.keys, from)
	i.keys[to] = key
}

func (i *issuer) questions() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

type claims map[string]any

// good are the claims of a token that lets u1 in.
func good(changed claims) claims {
	now := time.Now().Unix()
	all := claims{"sub": "u1", "iss": issuerName, "aud": audience, "iat": now, "exp": now + 3600}
	maps.Copy(all, changed)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// token is one that the issuer signed with one of its keys.
func (i *issuer) token(key string, c claims) string {
	i.t.Helper()
	i.mu.Lock()
	signer := i.keys[key]
	i.mu.Unlock()
	algorithm := "RS256"
	if _, is := signer.(*ecdsa.PrivateKey); is {
		algorithm = "ES256"
	}
	return signed(i.t, claims{"alg": algorithm, "typ": "JWT", "kid": key}, c, func(text []byte) []byte {
		digest := sha256.Sum256(text)
		if private, is := signer.(*ecdsa.PrivateKey); is {
			r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
			parts.Must(i.t, err)
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
		signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		parts.Must(i.t, err)
		return signature
	})
}

func signed(t testing.TB, header, c claims, sign func([]byte) []byte) string {
	t.Helper()
	first, err := json.Marshal(header)
	parts.Must(t, err)
	second, err := json.Marshal(c)
	parts.Must(t, err)
	text := encode(first) + "." + encode(second)
	return text + "." + encode(sign([]byte(text)))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// withMAC is a token that is signed with a secret: here with what everybody may know.
func withMAC(t testing.TB, secret []byte, header claims) string {
	return signed(t, header, good(nil), func(text []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(text)
		return mac.Sum(nil)
	})
}

// publicPEM is a key as it is found in files.
func (i *issuer) publicPEM(key string) []byte {
	i.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.keys[key].Public())
	parts.Must(i.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestTokens has one node for all, which starts without the issuer.
func TestTokens(t *testing.T) {
	l, i := trusting(t)
	node := l.run(0)
	node.mustServe()
	for _, part := range []struct {
		name string
		test func(*testing.T, *issuer, *replica)
	}{
		{"an issuer that was away is asked again within seconds", wasAway},
		{"one lets in whom its issuer means, and nobody else", letsInTheRightOnes},
		{"one gives itself no rights", givesNoRights},
		{"a session ends with its own", endsASession},
		{"one of a new key is taken within seconds, and of the old key no more", followsTheKeys},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, i, node) })
	}
}

// trusting is a lab whose nodes take tokens of an issuer, which does not run yet.
func trusting(t testing.TB) (*lab, *issuer) {
	t.Helper()
	l := newLab(t, 1)
	l.data.user("u1")
	l.allow("u1", "devices/u1/#")
	withTokens := stores
	withTokens.JWT = &assets.JWT{
		JWKSURL: fmt.Sprintf("https://%s:%d/keys", issuerHost, issuerPort),
		Issuer:  issuerName, Audience: audience, UsernameClaim: "sub",
	}
	l.configure(withTokens)
	return l, newIssuer(t, l.ca)
}

var logins atomic.Int64

// letsIn says whether a password lets u1 in, by a client id of its own: EMQX refuses one that comes again too fast.
func letsIn(t testing.TB, password string) bool {
	t.Helper()
	code, err := inside(0).login(fmt.Sprintf("somebody-%d", logins.Add(1)), "u1", password)
	parts.Must(t, err)
	return code == 0
}

func letsInTheRightOnes(t *testing.T, issuer *issuer, _ *replica) {
	with := func(changed claims) string { return issuer.token("rsa", good(changed)) }
	for name, right := range map[string]string{
		"signed with RSA":                     with(nil),
		"signed with an elliptic curve":       issuer.token("ec", good(nil)),
		"for several applications":            with(claims{"aud": []string{"another", audience}}),
		"for one application, as a list":      with(claims{"aud": []string{audience}}),
		"that ends in a fraction of a second": with(claims{"exp": float64(time.Now().Unix()) + 3600.5}),
		"without the time at which it began":  with(claims{"iat": nil}),
	} {
		if !letsIn(t, right) {
			t.Errorf("a token %s is refused", name)
		}
	}
	later, secret := time.Now().Add(time.Hour).Unix(), []byte(sharedSecret)
	unsigned := func(header claims) string { return signed(t, header, good(nil), func([]byte) []byte { return nil }) }
	for name, wrong := range map[string]string{
		"without an end":               with(claims{"exp": nil}),
		"that ended":                   with(claims{"exp": time.Now().Unix() - 1}),
		"whose end is a text":          with(claims{"exp": fmt.Sprint(later)}),
		"whose end is in milliseconds": with(claims{"exp": later * 1000}),
		"that has not begun":           with(claims{"nbf": later}),
		"of the future":                with(claims{"iat": later}),
		"of another issuer":            with(claims{"iss": "https://another.example"}),
		"of no issuer":                 with(claims{"iss": nil}),
		"for another application":      with(claims{"aud": "another"}),
		"for other applications":       with(claims{"aud": []string{"another", "a third"}}),
		"for no application":           with(claims{"aud": nil}),
		"of another user":              with(claims{"sub": "u2"}),
		"of no user":                   with(claims{"sub": nil}),
		"without claims":               issuer.token("rsa", claims{}),
		"that was changed":             changed(with(nil)),
		"with what has to be understood": resigned(issuer,
			claims{"alg": "RS256", "kid": "rsa", "crit": []string{"x"}, "x": 1}),
		"said to be signed with another key":   resigned(issuer, claims{"alg": "RS256", "kid": "ec"}),
		"without a signature":                  unsigned(claims{"alg": "none"}),
		"of a key, without a signature":        unsigned(claims{"alg": "none", "kid": "rsa"}),
		"whose secret is the public key":       withMAC(t, issuer.publicPEM("rsa"), claims{"alg": "HS256", "kid": "rsa"}),
		"whose secret is among the keys":       withMAC(t, secret, claims{"alg": "HS256", "kid": "shared"}),
		"whose secret is among them, unnamed":  withMAC(t, secret, claims{"alg": "HS256"}),
		"of a stranger's key of the same name": strangers(t, "rsa").token("rsa", good(nil)),
		"of a key that nobody knows":           strangers(t, "unknown").token("unknown", good(nil)),
	} {
		if letsIn(t, wrong) {
			t.Errorf("a token %s lets in", name)
		}
	}
	for name, want := range map[string]bool{"u1": true, "wrong": false, "a.b.c": false, "..": false, "": false} {
		if letsIn(t, name) != want {
			t.Errorf("password %q: let in is %v", name, !want)
		}
	}
	for want, password := range map[byte]string{0x87: with(claims{"exp": nil}), 0x86: "wrong"} {
		if code, err := inside(0).login("somebody", "u1", password); code != want || err != nil {
			t.Errorf("%q: %#x, %v, want %#x", password, code, err, want)
		}
	}
	if code, err := inside(0).login("somebody", "", issuer.token("rsa", good(claims{"sub": ""}))); code == 0 ||
		err != nil {
		t.Errorf("a token for nobody: %#x, %v", code, err)
	}
	// Who may choose a name could choose one that is a client id of somebody else.
	for id, name := range map[string]string{"u1:device": "u1:device", "u1": "u2", "u1:x": "u1:device", "u2:": "u1"} {
		token := issuer.token("rsa", good(claims{"sub": name}))
		if _, code, err := inside(0).openAs(id, name, token); code == 0 || err != nil {
			t.Errorf("a token for %s lets in as %s: %#x, %v", name, id, code, err)
		}
	}
}

// changed is a token with another signature.
func changed(token string) string {
	text := []byte(token)
	text[len(text)-20] ^= 1
	return string(text)
}

// resigned is a right token with another header.
func resigned(i *issuer, header claims) string {
	return signed(i.t, header, good(nil), func(text []byte) []byte {
		digest := sha256.Sum256(text)
		signature, err := i.keys["rsa"].Sign(rand.Reader, digest[:], crypto.SHA256)
		parts.Must(i.t, err)
		return signature
	})
}

// strangers is an issuer that nobody trusts, with a key of that name.
func strangers(t testing.TB, name string) *issuer {
	i := newIssuer(t, nil)
	i.keys = map[string]crypto.Signer{name: i.keys["rsa"]}
	return i
}

func givesNoRights(t *testing.T, issuer *issuer, _ *replica) {
	for name, more := range map[string]claims{
		"superuser":  {"is_superuser": true},
		"acl":        {"acl": claims{"all": []string{"#"}, "sub": []string{"#"}, "pub": []string{"#"}}},
		"acl list":   {"acl": []claims{{"permission": "allow", "action": "all", "topic": "#"}}},
		"rules":      {"no_token_gives_itself_rules": []claims{{"permission": "allow", "action": "all", "topic": "#"}}},
		"attributes": {"client_attrs": claims{"username": "u2"}},
	} {
		s, code, err := inside(0).open("claims", "u1", issuer.token("rsa", good(more)))
		parts.Must(t, err)
		if code != 0 {
			t.Errorf("%s: CONNACK %#x", name, code)
		} else if !s.granted(t, "devices/u1/own") || s.granted(t, "devices/u2/#") {
			t.Errorf("%s: it has other rights than its user", name)
		}
		s.Close()
	}
}

// granted says whether a subscription is granted. One that is not ends the connection.
func (s session) granted(t testing.TB, topic string) bool {
	t.Helper()
	answer, err := s.ask(&packets.Subscribe{
		PacketID: 1, Properties: &packets.Properties{}, Subscriptions: []packets.SubOptions{{Topic: topic, QoS: 1}},
	})
	parts.Must(t, err)
	suback, is := answer.(*packets.Suback)
	return is && suback.Reasons[0] < 0x80
}

func endsASession(t *testing.T, issuer *issuer, _ *replica) {
	end := time.Now().Add(4 * time.Second)
	s, code, err := inside(0).open("brief", "u1", issuer.token("rsa", good(claims{"exp": end.Unix()})))
	parts.Must(t, err)
	defer s.Close()
	if code != 0 {
		t.Fatalf("CONNACK %#x", code)
	}
	parts.Must(t, s.SetDeadline(end.Add(3*time.Second)))
	answer, err := packets.ReadPacket(s)
	parts.Must(t, err)
	if goodbye, is := answer.Content.(*packets.Disconnect); !is || time.Until(end).Abs() > 2*time.Second {
		t.Errorf("%s from the token's end it gets %v", time.Until(end), answer)
	} else {
		t.Logf("%s after the token's end: DISCONNECT %#x", time.Since(end), goodbye.ReasonCode)
	}
}

func wasAway(t *testing.T, issuer *issuer, node *replica) {
	answered := func(by string) {
		t.Helper()
		slow := 0
		for range 8 { // the issuer is asked meanwhile
			begun := time.Now()
			if letsIn(t, issuer.token("rsa", good(nil))) {
				t.Fatalf("%s: a token is taken whose key nobody knows", by)
			}
			if !letsIn(t, "u1") {
				t.Fatalf("%s: a right password is refused", by)
			}
			if time.Since(begun) > 2*time.Second {
				slow++
			}
			time.Sleep(time.Second)
		}
		if slow > 4 { // not for this machine alone
			t.Errorf("%s: %d of 8 answers take long", by, slow)
		}
	}
	answered("without the issuer")
	right := issuer.ca
	issuer.ca = parts.NewAuthority(t, t.TempDir())
	issuer.start()
	answered("with one for whom nobody vouches")
	issuer.server.Close()
	issuer.ca = right
	issuer.hangs.Store(true)
	issuer.start()
	answered("with one who does not answer")
	issuer.hangs.Store(false)
	t.Logf("a token lets in %s after the issuer came", parts.Within(t, 15*time.Second, "a token lets in", func() bool {
		return letsIn(t, issuer.token("rsa", good(nil)))
	}))
	issuer.server.Close()
	letsIn(t, strangers(t, "unknown").token("unknown", good(nil))) // has it asked
	parts.Within(t, 15*time.Second, "its silence is noticed", func() bool {
		_, since, _ := strings.Cut(node.said.String(), "the keys of tokens are known")
		return strings.Contains(since, "the issuer of tokens does not give its keys")
	})
	if !letsIn(t, issuer.token("ec", good(nil))) || !node.serves() {
		t.Error("keys are forgotten when their issuer goes")
	}
	issuer.start()
}

func followsTheKeys(t *testing.T, issuer *issuer, _ *replica) {
	old := issuer.token("rsa", good(nil))
	issuer.rotate("rsa", "renewed")
	t.Logf("a token of the new key lets in after %s",
		parts.Within(t, 10*time.Second, "a token of the new key lets in", func() bool {
			return letsIn(t, issuer.token("renewed", good(nil)))
		}))
	if letsIn(t, old) {
		t.Error("a token of the old key lets in")
	}
	issuer.rotate("renewed", "renewed")
	took := parts.Within(t, 10*time.Second, "a token of another key of that name lets in", func() bool {
		return letsIn(t, issuer.token("renewed", good(nil)))
	})
	t.Logf("another key of the same name: %s", took)
	flood := strangers(t, "rsa")
	before, begun := issuer.questions(), time.Now()
	for i := 0; time.Since(begun) < 12*time.Second; i++ {
		flood.keys[fmt.Sprint(i)] = flood.keys["rsa"]
		if letsIn(t, flood.token(fmt.Sprint(i), good(nil))) {
			t.Fatal("a stranger's token lets in")
		}
	}
	if asked := issuer.questions() - before; asked > 3 {
		t.Errorf("in %s the issuer was asked %d times", time.Since(begun), asked)
	}
}
