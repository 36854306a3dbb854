package realparts

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// vmImage is what the scripts made of a machine: most tests begin with copies of it, because making it takes seconds.
type vmImage struct {
	address, root string
	files         map[string]vmFile // by path below the root
	device        []byte            // the data disk
	groups        map[string]string
	users         map[string]bool
	packages      map[string]bool
}

type vmFile struct {
	mode          fs.FileMode
	content, link string
}

var (
	vmImageOnce sync.Once
	vmImageMade *vmImage
)

// settledImage is a founder after its first boot.
func settledImage(t *testing.T) *vmImage {
	t.Helper()
	vmImageOnce.Do(func() {
		m := newVMSite(t, 1).newMachine(0)
		m.more = []string{realSh}
		m.boots()
		m.powerOff()
		m.site.must(os.Remove(m.data("")), os.Rename(m.disk.content, m.data("")))
		image := &vmImage{m.address, m.root, map[string]vmFile{}, nil, m.groups, m.users, m.packages}
		var err error
		image.device, err = os.ReadFile(m.disk.device)
		m.site.must(err, filepath.WalkDir(m.root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			file := vmFile{mode: info.Mode()}
			switch {
			case entry.Type()&fs.ModeSymlink != 0:
				file.link, err = os.Readlink(path)
			case entry.Type().IsRegular():
				var data []byte
				data, err = os.ReadFile(path)
				file.content = string(data)
			}
			image.files[strings.TrimPrefix(path, m.root)] = file
			return err
		}))
		vmImageMade = image
	})
	if vmImageMade == nil {
		t.Skip("the first boot failed in another test")
	}
	return vmImageMade
}

// copyTo makes a machine's system disk what the image's is, under its own address.
func (i *vmImage) copyTo(m *machine) {
	m.site.Helper()
	for _, path := range slices.Sorted(maps.Keys(i.files)) {
		file, to := i.files[path], filepath.Join(m.root, path)
		switch {
		case strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/") ||
			strings.HasPrefix(path, "/etc/amora-sync/") || strings.HasPrefix(path, vmData+"/"):
		case file.mode.IsDir():
			m.site.must(os.MkdirAll(to, 0o700), os.Chmod(to, file.mode.Perm()))
		case file.link != "":
			m.site.must(os.Symlink(file.link, to))
		default:
			m.site.must(os.WriteFile(to,
				[]byte(strings.NewReplacer(i.address, m.address, i.root, m.root).Replace(file.content)), file.mode.Perm()))
		}
	}
	m.site.must(os.WriteFile(m.state("settings"), []byte(m.site.settings.Text()+"\n"), 0o600))
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	m.users, m.packages = maps.Clone(i.users), maps.Clone(i.packages)
	for path, group := range i.groups {
		m.groups[strings.Replace(path, i.root, m.root, 1)] = group
	}
}

// installed makes a machine that has all but what is on the data disk, which is blank. In its first tick it looks for
// its place in the cluster.
func (s *vmSite) installed(i int) *machine {
	s.Helper()
	m := s.newMachine(i)
	settledImage(s.T).copyTo(m)
	return m
}

// settled makes a cluster that runs.
func (s *vmSite) settled(size int) []*machine {
	s.Helper()
	image := settledImage(s.T)
	view := vmqView{map[string]bool{}, map[string]bool{}}
	var all []*machine
	for i := range size {
		m := s.installed(i)
		s.mu.Lock()
		m.mounted, m.disk.owner = true, m
		s.mu.Unlock()
		s.must(os.WriteFile(m.disk.device, image.device, 0o600), os.WriteFile(m.data("settled"), nil, 0o600))
		view.Members[s.mark(m)] = true
		all = append(all, m)
	}
	text, err := json.Marshal(view)
	s.must(err)
	for _, m := range all {
		s.must(os.WriteFile(m.data("cluster_state"), text, 0o600), os.WriteFile(m.data("mark"), []byte(s.mark(m)), 0o600))
		s.cluster.with(m, func(n *vmqNode) {
			n.unit = read(s.T, m.path("etc/systemd/system/vernemq.service"))
			s.cluster.start(n)
			n.booting, n.starts = 0, 0
		})
	}
	return all
}

func (s *vmSite) mark(m *machine) string { return m.address + " #0" }
