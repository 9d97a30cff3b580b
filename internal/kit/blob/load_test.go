package blob_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/faultproxy"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// crowd uploads, reads and deletes files through a store, and knows which must be there.
type crowd struct {
	t     *testing.T
	s     blob.Store
	wrong func(err error) bool // whether reading a file may not give that
	stop  chan struct{}
	all   sync.WaitGroup

	mu     sync.Mutex
	names  []string        // that are there
	live   map[string]bool // the same
	undone []string        // deletions that failed, to be repeated
	made   int
	reads  int
}

// start sends some of them.
func (c *crowd) start(atOnce int) {
	c.live, c.stop = map[string]bool{}, make(chan struct{})
	for _, name := range c.names {
		c.live[name] = true
	}
	for range atOnce {
		c.all.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				c.upload()
				for range 6 {
					c.read()
				}
				if rand.N(3) == 0 {
					c.delete()
				}
			}
		})
	}
}

func (c *crowd) upload() {
	c.mu.Lock()
	c.made++
	name := fmt.Sprintf("media/%03d/up-%06d.png", rand.N(20), c.made)
	c.mu.Unlock()
	if err := c.s.Put(context.Background(), name, strings.NewReader(body(name)), -1); err != nil {
		c.t.Errorf("uploading: %v", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = append(c.names, name)
	c.live[name] = true
}

func (c *crowd) read() {
	c.mu.Lock()
	name := c.names[rand.N(len(c.names))]
	c.mu.Unlock()
	got, err := tryRead(context.Background(), c.s, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	if c.live[name] && err != nil && c.wrong(err) { // and not deleted meanwhile
		c.t.Errorf("reading %s: %v", name, err)
	}
	if err == nil && got != body(name) {
		c.t.Errorf("%s has %d other bytes", name, len(got))
	}
}

func (c *crowd) delete() {
	c.mu.Lock()
	i := rand.N(len(c.names))
	name := c.names[i]
	c.names = slices.Delete(c.names, i, i+1)
	delete(c.live, name)
	c.mu.Unlock()
	if err := c.s.Delete(context.Background(), name); err != nil {
		c.mu.Lock()
		c.undone = append(c.undone, name)
		c.mu.Unlock()
	}
}

// leave waits for all to go home, and deletes what could not be deleted.
func (c *crowd) leave() {
	close(c.stop)
	c.all.Wait()
	err := c.s.Delete(context.Background(), c.undone...)
	for tries := 0; err != nil && tries < 100; tries++ { // it fails now and then by plan
		err = c.s.Delete(context.Background(), c.undone...)
	}
	if err != nil {
		c.t.Errorf("deleting what could not be: %v", err)
	}
	slices.Sort(c.names)
}

// faults breaks a line step by step, as a copy and the readers come along.
type faults struct {
	line *faultproxy.Line
	m    *moving
	at   []int64 // the numbers of files copied at which something breaks
	next int
	from int // what was told to have failed when it broke
	need int // how much more must fail until it is mended
	bad  bool
}

// step is called again and again, by one at a time.
func (f *faults) step(copied int64) {
	failed := f.m.saw(blob.MovingNewFailed)
	switch {
	case f.bad && failed >= f.from+f.need: // the fault was felt
		f.line.Mend()
		f.bad = false
	case !f.bad && f.next < len(f.at) && copied >= f.at[f.next]:
		f.bad, f.from = true, failed
		switch f.next % 3 {
		case 0:
			f.need = 10
			f.line.Swallow()
		case 1:
			f.need = 10
			f.line.Cut()
		case 2:
			f.need = 1 // since readers leave the new place alone from then on, and storing works
			f.line.CutAfter(600)
		}
		f.next++
	}
}

// F10: over a whole move, under load and with faults, nothing that exists is not found, and nothing is lost.
func TestMoveUnderLoad(t *testing.T) {
	t.Parallel()
	const files = 1200
	for name, both := range map[string]bool{"both": true, "new first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := s3test.MinIO(t)
			line := faultproxy.Through(t, server.Address)
			o := server.Options
			o.Endpoint, o.ReadTimeout, o.OpenTimeout = "http://"+line.Address, 500*time.Millisecond, 500*time.Millisecond
			broken := s3test.Open(t, o)
			m := newMoving(t, both, old(disk(t)), &blobtest.Faulty{Store: broken, Before: sometimes(100)})
			load := &crowd{t: t, s: m, names: fill(t, m.old.Store, files), wrong: func(err error) bool { return both || errs.IsNotFound(err) }}
			load.start(8)

			to := counting(&blobtest.Faulty{Store: broken, Before: sometimes(100), After: sometimes(200)})
			stored := map[string]int{}
			to.After = func(_ context.Context, op, name string) error {
				to.mu.Lock()
				defer to.mu.Unlock()
				if op == blobtest.Put {
					stored[name]++
				}
				return nil
			}
			options := blob.CopyOptions{Parallel: 16, ProgressEvery: time.Millisecond, Backoff: 5 * time.Millisecond, Patience: time.Minute}
			ctx, cancel := context.WithCancel(t.Context())
			f := &faults{line: line, m: m, at: []int64{100, 200}}
			options.Progress = func(p blob.CopyProgress) {
				if f.step(p.Copied); p.Copied >= 300 && !f.bad {
					cancel()
				}
			}
			if p, err := blob.Copy(ctx, m.old, to, options); !errors.Is(err, context.Canceled) {
				t.Errorf("the first run was not ended: %+v, %v", p, err)
			}
			f = &faults{line: line, m: m, at: []int64{100, 200, 300}}
			options.Progress = func(p blob.CopyProgress) { f.step(p.Copied) }
			p, err := blob.Copy(t.Context(), m.old, to, options)
			if err != nil || f.bad || f.next < 3 {
				t.Errorf("the second run: %+v, %v; %+v", p, err, f)
			}
			if f.bad {
				line.Mend()
			}
			load.leave()
			options.Progress = nil
			if p, err = blob.Copy(t.Context(), m.old, to, options); err != nil || p.Failed != 0 {
				t.Errorf("the last run: %+v, %v", p, err)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			nothingLost(t, load, s3test.Open(t, server.Options), both, m.old.Store)
			twice := 0
			for _, n := range stored {
				twice += n - 1
			}
			if twice > files/1000 {
				t.Errorf("%d of %d were copied twice", twice, files)
			}
			t.Logf("%d reads, %d uploads, %d stay; told %v", load.reads, load.made, len(load.names), m.told)
		})
	}
}

// nothingLost checks that the new place has what was put and not deleted, and nothing else.
func nothingLost(t *testing.T, load *crowd, now *s3.Store, both bool, old blob.Store) {
	t.Helper()
	if got := walk(t, now, "", ""); !slices.Equal(got, load.names) {
		t.Errorf("%d files instead of %d", len(got), len(load.names))
	}
	var all sync.WaitGroup
	for some := range slices.Chunk(load.names, 1+len(load.names)/16) {
		all.Go(func() {
			for _, name := range some {
				if got, err := tryRead(context.Background(), now, name); err != nil || got != body(name) {
					t.Errorf("%s: %d bytes, %v", name, len(got), err)
				}
			}
		})
	}
	all.Wait()
	if both {
		if got := walk(t, old, "", ""); !slices.Equal(got, load.names) {
			t.Errorf("the old place has %d files instead of %d", len(got), len(load.names))
		}
	}
}
