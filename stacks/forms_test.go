package stacks

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
)

func TestACronExpressionIsOneThatKEDAReads(t *testing.T) {
	for _, text := range []string{
		"0 6 * * 1-5", "*/15 0-23 1,15 jan-MAR sun", "59 23 31 12 6", "? ? ? ? ?", "0 8-18/2 * * mon,wed",
		"5/10 * * * *", " 0  6 * * 0 ",
	} {
		if !isCron(text) {
			t.Errorf("%q is none", text)
		}
	}
	for _, text := range []string{
		"", "0 6 * *", "0 6 * * 1-5 2026", "@daily", "60 6 * * *", "0 24 * * *", "0 6 0 * *", "0 6 32 * *",
		"0 6 * 13 *", "0 6 * 0 *", "0 6 * * 7",
		"0 6 * * fri-mon", "0 6 * * mo", "a b c d e", "0 18-8 * * *", "0 */0 * * *", "0 */x * * *", "0 6, * * *",
		"0 -6 * * *", "0 *-5 * * *", "0 1-2-3 * * *",
	} {
		if isCron(text) {
			t.Errorf("%q is one", text)
		}
	}
}

// publicKey is a key in OpenSSH's form.
func publicKey(algorithm string, parts ...string) string {
	var blob []byte
	for _, part := range append([]string{algorithm}, parts...) {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(part))), part...)
	}
	return algorithm + " " + base64.StdEncoding.EncodeToString(blob)
}

func TestAnSSHKeyIsOneThatAzureTakes(t *testing.T) {
	// the zero: it is no negative number
	modulus := func(bits int) string { return "\x00\x80" + strings.Repeat("\x01", bits/8-1) }
	whole := publicKey("ssh-ed25519", strings.Repeat("k", 32))
	for _, text := range []string{whole, whole + " me@example.com", sshKey,
		publicKey("ssh-rsa", "\x01\x00\x01", modulus(2048)), publicKey("ssh-rsa", "\x03", modulus(4096))} {
		if !isSSHKey(text) {
			t.Errorf("%q is none", text)
		}
	}
	for _, text := range []string{
		"", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 " + strings.Repeat("A", 60), whole[:len(whole)-8],
		whole + "\n" + whole, "ssh-rsa" + strings.TrimPrefix(whole, "ssh-ed25519"),
		publicKey("ssh-ed25519", "short"), publicKey("ssh-rsa", "\x01\x00\x01", modulus(1024)),
		publicKey("ecdsa-sha2-nistp256", "nistp256", "point"),
		publicKey("ssh-rsa", strings.Repeat("k", 300)), publicKey("ssh-ed25519"),
	} {
		if isSSHKey(text) {
			t.Errorf("%q is one", text)
		}
	}
}
