package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// promoteAtOnce bounds how many files are copied because they were read: readers must not compete with them for the disk.
	promoteAtOnce = 8
	// promoteFor bounds one of these copies. What does not get through is left to Copy.
	promoteFor = time.Minute
	// answerWithin is how long the new place may take to say what it knows of a file, before the old one is asked.
	answerWithin = 5 * time.Second
	// restAfter failures of the new place, one after another, the old one is asked first for restFor, so that not every reader waits.
	restAfter = 3
	restFor   = 5 * time.Second
)

// What Moving tells Observe.
const (
	MovingReadOld         = "read_old"         // a file was served from the old place
	MovingNewFailed       = "new_failed"       // the new place failed, and the old one stood in or kept the file
	MovingPromoted        = "promoted"         // a file that was read was copied to the new place
	MovingPromotionFailed = "promotion_failed" // such a copy failed
	MovingPromotionBusy   = "promotion_busy"   // such a copy was left to Copy, since too many ran
)

// Moving is one store while its files move from an old place to a new one, and the server serves (F10). Copy moves them meanwhile. A file that
// is in either place is found: when the new place fails, nothing is said not to be there that could be in it. Fields are not changed while
// it is used. Close it before its stores, which are the caller's to close.
type Moving struct {
	Old, New Store
	// Both keeps every new file in both places, so that the way back stays open. Without it new files go to New, and to Old when that fails.
	Both bool
	// Log is told of failures of New that nobody else hears of; nil for nowhere.
	Log *slog.Logger
	// Observe, when it is not nil, is told what happened, by one of the words above. Several goroutines may call it at once.
	Observe func(what string)

	mu        sync.Mutex
	closed    bool
	promoting map[string]bool
	running   sync.WaitGroup
	failures  atomic.Int64 // of New, one after another
	rests     atomic.Int64 // until when New rests, in nanoseconds since 1970
}

// Put keeps a file.
func (m *Moving) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	twice, err := NewBody(ctx, body, size)
	if err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	defer twice.Close()
	if m.Both {
		return m.putBoth(ctx, name, twice)
	}
	err = m.New.Put(ctx, name, twice.All(), twice.Size)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if also := m.Old.Put(ctx, name, twice.All(), twice.Size); also != nil {
		return errors.Join(err, also)
	}
	m.newFailed("storing", name, err)
	return nil
}

// putBoth keeps a file in the old place, and in the new one if that can be: Copy brings it there otherwise.
func (m *Moving) putBoth(ctx context.Context, name string, body *Body) error {
	if err := m.Old.Put(ctx, name, body.All(), body.Size); err != nil {
		return err
	}
	if err := m.New.Put(ctx, name, body.All(), body.Size); err != nil {
		m.newFailed("storing", name, err)
	}
	return nil
}

// newFailed notes that the new place failed, and lets it rest when it does so again and again.
func (m *Moving) newFailed(doing, name string, err error) {
	if m.failures.Add(1) >= restAfter {
		m.rests.Store(time.Now().Add(restFor).UnixNano())
	}
	m.observe(MovingNewFailed)
	if m.Log != nil {
		m.Log.Warn("the new place of files failed", "doing", doing, "name", name, "error", err)
	}
}

func (m *Moving) observe(what string) {
	if m.Observe != nil {
		m.Observe(what)
	}
}

// Delete removes files from both places. It tries both, and is to be repeated when either fails. The old place is first: whoever copies a
// file looks there afterwards, and removes it from the new one when it is gone.
func (m *Moving) Delete(ctx context.Context, names ...string) error {
	return errors.Join(m.Old.Delete(ctx, names...), m.New.Delete(ctx, names...))
}

// Walk tells of the files of both places, of each once; where both have one, of the new place's.
func (m *Moving) Walk(ctx context.Context, prefix, after string, each func(Info) error) error {
	return pair(startListing(ctx, m.Old, prefix, after, nil), startListing(ctx, m.New, prefix, after, nil), func(old, now *Info) error {
		if now == nil {
			now = old
		}
		return each(*now)
	})
}

// Stat tells of a file.
func (m *Moving) Stat(ctx context.Context, name string) (Info, error) {
	info, old, err := find(ctx, m, name, func(ctx context.Context, s Store) (Info, error) { return s.Stat(ctx, name) })
	if err == nil && old {
		m.observe(MovingReadOld)
	}
	return info, err
}

// Open finds a file. One that is only in the old place is copied to the new one behind the reader's back. When the new place fails while a
// file is read, reading goes on from the old one.
func (m *Moving) Open(ctx context.Context, name string) (*File, error) {
	f, old, err := find(ctx, m, name, func(ctx context.Context, s Store) (*File, error) { return s.Open(ctx, name) })
	if err != nil {
		return nil, err
	}
	if old {
		m.observe(MovingReadOld)
		return f, nil
	}
	return &File{ReadSeekCloser: &secured{ReadSeekCloser: f.ReadSeekCloser, size: f.Size, old: func() (*File, error) {
		f, err := m.Old.Open(ctx, name)
		if err == nil {
			m.observe(MovingNewFailed)
		}
		return f, err
	}}, Size: f.Size, ModTime: f.ModTime}, nil
}

// find looks for a file in the new place and then in the old one, or the other way round while the new one rests.
func find[T any](ctx context.Context, m *Moving, name string, look func(ctx context.Context, s Store) (T, error)) (found T, old bool, err error) {
	if m.resting() {
		if found, err = look(ctx, m.Old); err == nil {
			return found, true, nil
		}
	}
	found, newErr := within(ctx, m.New, look)
	if newErr == nil {
		m.failures.Store(0)
		return found, false, nil
	}
	if ctx.Err() != nil {
		return found, false, ctx.Err() // and not that it is absent: the old place was not asked
	}
	absent := errs.IsNotFound(newErr)
	if absent {
		m.failures.Store(0)
	} else {
		m.newFailed("looking", name, newErr)
	}
	found, err = look(ctx, m.Old)
	switch {
	case err == nil && absent:
		m.promote(ctx, name)
	case err != nil && !absent:
		err = fmt.Errorf("looking for %s in its new place: %w", name, newErr) // it may be there, whatever the old place says
	}
	return found, true, err
}

func (m *Moving) resting() bool { return time.Now().UnixNano() < m.rests.Load() }

// errSlow is the error of a place that does not answer.
var errSlow = fmt.Errorf("no answer within %s: %w", answerWithin, context.DeadlineExceeded)

// within looks for a file, for no longer than answerWithin. The context of an open file lasts until it is closed.
func within[T any](ctx context.Context, s Store, look func(ctx context.Context, s Store) (T, error)) (T, error) {
	own, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(answerWithin, func() { cancel(errSlow) })
	found, err := look(own, s)
	f, isFile := any(found).(*File)
	isFile = isFile && err == nil
	if !timer.Stop() {
		if isFile {
			_ = f.Close()
		}
		return found, errSlow
	}
	if isFile {
		f.ReadSeekCloser = &releasing{f.ReadSeekCloser, cancel}
	} else {
		cancel(nil)
	}
	return found, err
}

// releasing is an open file whose context ends with it.
type releasing struct {
	io.ReadSeekCloser
	release context.CancelCauseFunc
}

// Close ends both.
func (r *releasing) Close() error {
	defer r.release(nil)
	return r.ReadSeekCloser.Close()
}

// promote copies a file that was read to the new place, unless too many are being copied.
func (m *Moving) promote(ctx context.Context, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.promoting[name] {
		return
	}
	if len(m.promoting) >= promoteAtOnce {
		m.observe(MovingPromotionBusy)
		return
	}
	if m.promoting == nil {
		m.promoting = map[string]bool{}
	}
	m.promoting[name] = true
	m.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), promoteFor)
		defer cancel()
		_, err := copyFile(ctx, m.Old, m.New, name, false, false)
		m.mu.Lock()
		delete(m.promoting, name)
		m.mu.Unlock()
		switch {
		case err == nil:
			m.observe(MovingPromoted)
		case !errs.IsNotFound(err):
			m.observe(MovingPromotionFailed)
			m.newFailed("promoting", name, err)
		}
	})
}

// Close waits for the copies that reads began.
func (m *Moving) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.running.Wait()
	return nil
}

// secured is an open file of the new place that is read on in the old one when that fails.
type secured struct {
	io.ReadSeekCloser
	size, at int64
	old      func() (*File, error) // nil once it was used
}

// Read reads on.
func (s *secured) Read(p []byte) (int, error) {
	n, err := s.ReadSeekCloser.Read(p)
	s.at += int64(n)
	if err == nil || errors.Is(err, io.EOF) || !s.change() {
		return n, err
	}
	if n > 0 {
		return n, nil
	}
	return s.Read(p)
}

// change goes on in the old place, when that has the same file.
func (s *secured) change() bool {
	if s.old == nil {
		return false
	}
	f, err := s.old()
	s.old = nil
	if err != nil {
		return false
	}
	if _, err := f.Seek(s.at, io.SeekStart); err != nil || f.Size != s.size {
		_ = f.Close()
		return false
	}
	_ = s.Close()
	s.ReadSeekCloser = f.ReadSeekCloser
	return true
}

// Seek says where to read on.
func (s *secured) Seek(offset int64, whence int) (int64, error) {
	at, err := s.ReadSeekCloser.Seek(offset, whence)
	if err == nil {
		s.at = at
	}
	return at, err
}
