package realparts

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// warmPython is the real interpreter, which runs each program that a script has for it: to start an interpreter takes
// longer than all else that a script does.
const warmPython = `
import contextlib, io, json, select, socket, sys, traceback

def serve(conn):
    asked = b""
    while asked.count(b"\0") < 2:
        more = conn.recv(65536)
        if not more: # from a script that was ended
            return
        asked += more
    program, given, _ = asked.decode().split("\0")
    keyboard, sys.stdin, status = sys.stdin, io.StringIO(given), 0
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            exec(program, {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            status = 1
    sys.stdin = keyboard
    conn.sendall(f"{said.getvalue()}\0{errors.getvalue()}\0{status}\0".encode())

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
    conn, _ = listener.accept()
    with contextlib.suppress(ConnectionError), conn:
        serve(conn)
`

// askPython is the function that stands for python3 -c PROGRAM in the scripts.
const askPython = `() {
	[ "$1" = -c ] && [ $# = 2 ] || { command python3 "$@"; return; }
	local input said errors status=1
	IFS= read -r -d '' input || true
	exec 3<>"/dev/tcp/127.0.0.1/$PYTHON"
	printf '%s\0' "$2" "$input" >&3
	{ IFS= read -r -d '' said && IFS= read -r -d '' errors && IFS= read -r -d '' status; } <&3
	exec 3>&-
	printf '%s' "$said"
	printf '%s' "$errors" >&2
	return "$status"
}`

var pythonsInput io.Closer // held, or it would be closed with what is no longer used

// startPython gives back the port of the one interpreter, which ends when its standard input does: with the tests.
var startPython = sync.OnceValues(func() (string, error) {
	python := exec.Command("python3", "-c", warmPython)
	out, err := python.StdoutPipe()
	if err != nil {
		return "", err
	}
	if pythonsInput, err = python.StdinPipe(); err != nil {
		return "", err
	}
	if err := python.Start(); err != nil {
		return "", err
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(port), err
})

func python(t *testing.T) string {
	t.Helper()
	port, err := startPython()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
