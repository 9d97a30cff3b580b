package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory keeps files in the process, for tests and for trying things out.
type Memory struct {
	mu    sync.Mutex
	files map[string]kept
}

type kept struct {
	body []byte
	at   time.Time
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{files: map[string]kept{}} }

// Put keeps a file.
func (m *Memory) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if !ValidName(name) {
		return fmt.Errorf("storing a file: %q is no name", name)
	}
	b, err := io.ReadAll(reader{ctx, body})
	if err == nil && size >= 0 && int64(len(b)) != size {
		err = fmt.Errorf("%d bytes came instead of %d: %w", len(b), size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = kept{b, time.Now()}
	return nil
}

func (m *Memory) get(name string) (kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return f, notFound()
	}
	return f, nil
}

type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

// Open finds a file.
func (m *Memory) Open(_ context.Context, name string) (*File, error) {
	f, err := m.get(name)
	if err != nil {
		return nil, err
	}
	return &File{memoryFile{bytes.NewReader(f.body)}, int64(len(f.body)), f.at}, nil
}

// Stat tells of a file.
func (m *Memory) Stat(_ context.Context, name string) (Info, error) {
	f, err := m.get(name)
	return Info{name, int64(len(f.body)), f.at}, err
}

// Delete removes files.
func (m *Memory) Delete(_ context.Context, names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		delete(m.files, name)
	}
	return nil
}

// Walk tells of files.
func (m *Memory) Walk(ctx context.Context, prefix, after string, each func(Info) error) error {
	m.mu.Lock()
	names := slices.Sorted(maps.Keys(m.files))
	m.mu.Unlock()
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !strings.HasPrefix(name, prefix) || name <= after {
			continue
		}
		info, err := m.Stat(ctx, name)
		if err != nil {
			continue // gone meanwhile
		}
		if err := each(info); err != nil {
			return err
		}
	}
	return nil
}
