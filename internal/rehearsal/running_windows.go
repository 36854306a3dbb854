package rehearsal

import "os"

// running says whether a process is alive.
func running(pid int) bool {
	_, err := os.FindProcess(pid) // opens the process on Windows
	return err == nil
}
