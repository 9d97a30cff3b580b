package blob

import (
	"container/list"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// recent knows which files of a cache were used last, and removes the others when there are too many bytes. The last use is written down as
// the time of access, since that of change is the origin's. It is safe for concurrent use.
type recent struct {
	disk *Disk
	most int64 // bytes

	mu    sync.Mutex
	bytes int64
	order *list.List // of used, last used first
	files map[string]*list.Element
}

type used struct {
	name string
	size int64
	at   time.Time // as it is written down
}

// openRecent looks through a folder.
func openRecent(disk *Disk, most int64) (*recent, error) {
	r := &recent{disk: disk, most: most, order: list.New(), files: map[string]*list.Element{}}
	if err := r.clear(); err != nil {
		return nil, err
	}
	var all []used
	err := disk.Walk(context.Background(), "", "", func(i Info) error {
		info, err := disk.root.Stat(filepath.FromSlash(i.Name))
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		all = append(all, used{i.Name, i.Size, accessed(info)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b used) int { return b.at.Compare(a.at) })
	for _, u := range all {
		r.files[u.name] = r.order.PushBack(u)
		r.bytes += u.size
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shrink()
	return r, nil
}

// clear removes half-written files that a crash left.
func (r *recent) clear() error {
	err := fs.WalkDir(r.disk.root.FS(), aside, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // there are none
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > leftAfter {
			_ = r.disk.root.Remove(filepath.FromSlash(name))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for half-written files: %w", err)
	}
	return nil
}

// use notes that a file was used just now.
func (r *recent) use(name string, size int64) {
	now := time.Now()
	r.mu.Lock()
	e, known := r.files[name]
	if !known {
		e = r.order.PushFront(used{name: name, at: now})
		r.files[name] = e
	}
	u := e.Value.(used) //nolint:forcetypeassert // nothing else is in it
	touch := now.Sub(u.at) >= touchEvery
	r.bytes += size - u.size
	u.size = size
	if touch {
		u.at = now
	}
	e.Value = u
	r.order.MoveToFront(e)
	r.shrink()
	r.mu.Unlock()
	if touch {
		_ = r.disk.root.Chtimes(filepath.FromSlash(name), now, time.Time{}) // only the order after a start depends on it
	}
}

// forget notes that files are gone.
func (r *recent) forget(names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		if e, ok := r.files[name]; ok {
			r.remove(e)
		}
	}
}

func (r *recent) remove(e *list.Element) string {
	u := r.order.Remove(e).(used) //nolint:forcetypeassert // nothing else is in it
	delete(r.files, u.name)
	r.bytes -= u.size
	return u.name
}

// shrink removes what was used longest ago. Whoever has such a file open reads on.
func (r *recent) shrink() {
	for r.bytes > r.most && r.order.Len() > 0 {
		name := r.remove(r.order.Back())
		_ = r.disk.root.Remove(filepath.FromSlash(name)) // one that stays is found by the next start
	}
}
