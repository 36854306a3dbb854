//go:build unix

package rehearsal

import (
	"errors"
	"syscall"
)

// running says whether a process is alive.
func running(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
