package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// soon makes what fails be tried again at once.
const soon = time.Microsecond

func copyAll(t testing.TB, from, to blob.Store, o blob.CopyOptions) blob.CopyProgress {
	t.Helper()
	p, err := blob.Copy(context.Background(), from, to, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// counts are the numbers of a progress that a test knows: seen, copied, present, failed.
func counts(p blob.CopyProgress) [4]int64 { return [4]int64{p.Seen, p.Copied, p.Present, p.Failed} }

func testCopy(t *testing.T, from, to blob.Store) {
	names := fill(t, from, 120)
	put(t, to, names[10], body(names[10]))
	put(t, to, names[20], "half")
	put(t, to, "kept/x", "of somebody else")
	p := copyAll(t, from, to, blob.CopyOptions{Verify: true})
	if want := [4]int64{120, 119, 1, 0}; counts(p) != want || p.Last != names[119] {
		t.Errorf("%+v", p)
	}
	if got := read(t, to, "kept/x"); got != "of somebody else" {
		t.Errorf("what was there became %q", got)
	}
	if err := to.Delete(t.Context(), "kept/x"); err != nil {
		t.Fatal(err)
	}
	same(t, from, to)
	if p = copyAll(t, from, to, blob.CopyOptions{}); counts(p) != [4]int64{120, 0, 120, 0} {
		t.Errorf("again: %+v", p)
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	t.Run("memory to disk", func(t *testing.T) { t.Parallel(); testCopy(t, blob.NewMemory(), disk(t)) })
	t.Run("disk to memory", func(t *testing.T) { t.Parallel(); testCopy(t, disk(t), blob.NewMemory()) })
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		t.Run("there", func(t *testing.T) { t.Parallel(); testCopy(t, disk(t), s3test.Open(t, server.Bucket(t))) })
		t.Run("and back", func(t *testing.T) { t.Parallel(); testCopy(t, s3test.Open(t, server.Bucket(t)), disk(t)) })
		t.Run("and across", func(t *testing.T) {
			t.Parallel()
			testCopy(t, s3test.Open(t, server.Bucket(t)), s3test.Open(t, server.Bucket(t)))
		})
	})
}

func TestCopySome(t *testing.T) {
	t.Parallel()
	from, to := blob.NewMemory(), counting(blob.NewMemory())
	fill(t, from, 250)
	o := blob.CopyOptions{Prefix: "media/001/", Skip: func(name string) bool { return strings.HasSuffix(name, "7.png") }}
	o.Dry = true
	dry := copyAll(t, from, to, o)
	if counts(dry) != [4]int64{90, 90, 0, 0} || to.count(blobtest.Put) != 0 {
		t.Errorf("dry: %+v", dry)
	}
	o.Dry = false
	if p := copyAll(t, from, to, o); counts(p) != counts(dry) || p.Bytes != dry.Bytes || len(walk(t, to, "", "")) != 90 {
		t.Errorf("%+v", p)
	}
	if n := to.count(blobtest.Open); n != 0 {
		t.Errorf("%d files were read again without being asked to", n)
	}
}

// Files that are old are not asked for one by one: the listings tell.
func TestCopyAsksForNoFileThatIsThere(t *testing.T) {
	t.Parallel()
	from, to := old(blob.NewMemory()), counting(blob.NewMemory())
	fill(t, from, 200)
	for range 2 {
		_ = copyAll(t, from, to, blob.CopyOptions{})
	}
	if to.count(blobtest.Stat) != 0 || to.count(blobtest.Put) != 200 {
		t.Errorf("asked %d times, stored %d", to.count(blobtest.Stat), to.count(blobtest.Put))
	}
}

// aged is a store whose files are a day older than they are.
type aged struct{ blob.Store }

func old(s blob.Store) blob.Store { return aged{s} }

func (a aged) Walk(ctx context.Context, prefix, after string, each func(blob.Info) error) error {
	return a.Store.Walk(ctx, prefix, after, func(i blob.Info) error {
		i.ModTime = i.ModTime.Add(-24 * time.Hour)
		return each(i)
	})
}

func TestFilesThatCannotBeCopied(t *testing.T) {
	t.Parallel()
	from, to := old(blob.NewMemory()), counting(blob.NewMemory())
	names := fill(t, from, 300)
	once := map[string]bool{}
	var mu sync.Mutex
	count := to.Before
	to.Before = func(ctx context.Context, op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		bad := slices.Index(names, name)%100 == 5
		if op == blobtest.Put && (bad || !once[name] && strings.HasSuffix(name, "0.png")) {
			once[name] = true
			_ = count(ctx, op, name)
			return errDown
		}
		return count(ctx, op, name)
	}
	p := copyAll(t, from, to, blob.CopyOptions{Backoff: soon, Parallel: 4})
	slices.Sort(p.Failures)
	if want := []string{names[5], names[105], names[205]}; counts(p) != [4]int64{300, 297, 0, 3} || !slices.Equal(p.Failures, want) {
		t.Errorf("%+v", p)
	}
	if n := to.count("put " + names[5]); n != 8 { // four times, and at the end again
		t.Errorf("tried %d times", n)
	}
	to.Before = nil
	if p = copyAll(t, from, to, blob.CopyOptions{}); counts(p) != [4]int64{300, 3, 297, 0} {
		t.Errorf("again: %+v", p)
	}
}

// A whole outage costs no file, and does not burn through the list.
func TestCopyWaitsForAPlaceThatIsDown(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 64} {
		from, to := old(blob.NewMemory()), counting(blob.NewMemory())
		fill(t, from, 500)
		var puts, failed atomic.Int64
		to.Before = func(_ context.Context, op, _ string) error {
			if op != blobtest.Put {
				return nil
			}
			if n := puts.Add(1); n > 100 && n <= 120 {
				failed.Add(1)
				return errDown
			}
			return nil
		}
		p := copyAll(t, from, to, blob.CopyOptions{Backoff: soon, Parallel: parallel})
		if counts(p) != [4]int64{500, 500, 0, 0} || failed.Load() != 20 {
			t.Errorf("%d at once: %+v", parallel, p)
		}
		same(t, from, to)
	}
}

func TestCopyGivesUp(t *testing.T) {
	t.Parallel()
	from, to := blob.NewMemory(), counting(blob.NewMemory())
	names := fill(t, from, 2000)
	to.Before = func(_ context.Context, op, _ string) error {
		if op == blobtest.Put {
			to.mu.Lock()
			defer to.mu.Unlock()
			to.asked[op]++
			return errDown
		}
		return nil
	}
	p, err := blob.Copy(t.Context(), from, to, blob.CopyOptions{Backoff: time.Millisecond, Patience: 50 * time.Millisecond})
	if !errors.Is(err, errDown) || p.Copied != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if n := to.count(blobtest.Put); n > len(names)/4 {
		t.Errorf("%d tries of what is down", n)
	}
	to.down.Store(true)
	to.Before = func(context.Context, string, string) error { return errDown } // listing too
	if _, err := blob.Copy(t.Context(), from, to, blob.CopyOptions{Backoff: soon, Patience: time.Millisecond}); !errors.Is(err, errDown) {
		t.Errorf("without a listing: %v", err)
	}
}

// A listing that fails in the middle goes on where it was.
func TestListingsGoOn(t *testing.T) {
	t.Parallel()
	from, to := blob.NewMemory(), blob.NewMemory()
	fill(t, from, 1000)
	fill(t, to, 500)
	p := copyAll(t, breaking{from}, breaking{to}, blob.CopyOptions{Backoff: soon})
	if counts(p) != [4]int64{1000, 500, 500, 0} {
		t.Errorf("%+v", p)
	}
	same(t, from, to)
}

// breaking is a store whose listings break off after some names.
type breaking struct{ blob.Store }

func (b breaking) Walk(ctx context.Context, prefix, after string, each func(blob.Info) error) error {
	n := 0
	return b.Store.Walk(ctx, prefix, after, func(i blob.Info) error {
		if n++; n > 70 {
			return errDown
		}
		return each(i)
	})
}

// A file that is deleted while it is copied does not come back, whatever became of the copy.
func TestDeletedWhileItIsCopied(t *testing.T) {
	t.Parallel()
	for _, lost := range []error{nil, errDown} {
		from, to := blob.NewMemory(), counting(blob.NewMemory())
		names := fill(t, from, 50)
		deletions := 0
		to.After = func(ctx context.Context, op, name string) error {
			if op == blobtest.Put && name == names[7] {
				_ = from.Delete(ctx, name)
				return lost
			}
			return nil
		}
		count := to.Before
		to.Before = func(ctx context.Context, op, name string) error {
			if op == blobtest.Delete && deletions == 0 { // taking it back is tried again as well
				deletions++
				return errDown
			}
			return count(ctx, op, name)
		}
		p := copyAll(t, from, to, blob.CopyOptions{Backoff: soon})
		if counts(p) != [4]int64{50, 49, 0, 0} || deletions != 1 {
			t.Errorf("%+v", p)
		}
		same(t, from, to)
	}
}

// changing stores other bytes than it was given.
type changing struct {
	blob.Store
	times *atomic.Int64
}

func (c changing) Open(ctx context.Context, name string) (*blob.File, error) {
	f, err := c.Store.Open(ctx, name)
	if err == nil && strings.HasSuffix(name, "7.png") && c.times.Add(-1) >= 0 {
		_ = f.Close()
		other := blob.NewMemory()
		_ = other.Put(ctx, name, bytes.NewReader(make([]byte, f.Size)), f.Size)
		return other.Open(ctx, name)
	}
	return f, err
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for _, times := range []int64{1, 1000} {
		from, to := blob.NewMemory(), blob.NewMemory()
		names := fill(t, from, 20)
		n := &atomic.Int64{}
		n.Store(times)
		p := copyAll(t, from, changing{to, n}, blob.CopyOptions{Verify: true, Backoff: soon})
		if times == 1 {
			if counts(p) != [4]int64{20, 20, 0, 0} {
				t.Errorf("%+v", p)
			}
			same(t, from, to)
			continue
		}
		slices.Sort(p.Failures)
		if !slices.Equal(p.Failures, []string{names[7], names[17]}) {
			t.Errorf("%+v", p)
		}
		if _, err := to.Stat(t.Context(), names[7]); !errs.IsNotFound(err) {
			t.Errorf("a wrong copy stayed: %v", err)
		}
	}
}

func TestCopyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	from, to := blob.NewMemory(), counting(blob.NewMemory())
	fill(t, from, 500)
	ctx, cancel := context.WithCancel(t.Context())
	var puts atomic.Int64
	to.After = func(_ context.Context, op, _ string) error {
		if op == blobtest.Put && puts.Add(1) == 100 {
			cancel()
		}
		return nil
	}
	if p, err := blob.Copy(ctx, from, to, blob.CopyOptions{Parallel: 8}); !errors.Is(err, context.Canceled) || p.Copied < 90 || p.Copied > 110 {
		t.Errorf("%+v, %v", p, err)
	}
	_ = copyAll(t, from, to, blob.CopyOptions{})
	twice := 0
	for _, name := range walk(t, from, "", "") {
		switch n := to.count("put " + name); n {
		case 1:
		case 2: // it was under way when the first run ended
			twice++
		default:
			t.Errorf("%s was stored %d times", name, n)
		}
	}
	if twice > 8 {
		t.Errorf("%d files were stored twice; 8 were under way", twice)
	}
	same(t, from, to)
}

// Limits are kept on average: a run cannot be quicker than they allow.
func TestCopyKeepsLimits(t *testing.T) {
	t.Parallel()
	for _, o := range []blob.CopyOptions{{FilesPerSecond: 500}, {BytesPerSecond: 8 << 20}} {
		from, to := blob.NewMemory(), blob.NewMemory()
		for i := range 51 {
			put(t, from, fmt.Sprintf("a/%d", i), strings.Repeat("x", 50<<10)) // 2.5 MiB, of which one goes at once
		}
		p := copyAll(t, from, to, o)
		if took := time.Since(p.Started); took < 100*time.Millisecond {
			t.Errorf("%+v: took %s", o, took)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	from, to := old(blob.NewMemory()), counting(blob.NewMemory())
	fill(t, from, 400)
	enough := make(chan struct{})
	var puts atomic.Int64
	to.Before = func(_ context.Context, op, _ string) error {
		if op == blobtest.Put && puts.Add(1) > 200 {
			<-enough // until it was told of what is counted and copied
		}
		return nil
	}
	var once sync.Once
	var last blob.CopyProgress
	p := copyAll(t, from, to, blob.CopyOptions{Parallel: 4, ProgressEvery: soon, Progress: func(p blob.CopyProgress) {
		last = p
		if p.Total == 400 && p.Seen >= 190 {
			once.Do(func() {
				if left, ok := p.ETA(p.Started.Add(time.Hour)); !ok || left < 50*time.Minute || left > 80*time.Minute {
					t.Errorf("half of it took an hour, and the rest takes %s, %v", left, ok)
				}
				close(enough)
			})
		}
	}})
	if counts(last) != counts(p) || p.Total != 400 || p.TotalBytes != p.Bytes {
		t.Errorf("told of %+v at the end of %+v", last, p)
	}
	if left, ok := p.ETA(time.Now()); !ok || left != 0 {
		t.Errorf("at the end: %s, %v", left, ok)
	}
	if _, ok := (blob.CopyProgress{}).ETA(time.Now()); ok {
		t.Error("at the start it is known how long it takes")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	a, b := blob.NewMemory(), disk(t)
	for _, name := range []string{"a/same", "a/size", "a/bytes", "a/only"} {
		put(t, a, name, "body")
	}
	for name, body := range map[string]string{"a/same": "body", "a/size": "other", "a/bytes": "ydob", "b/only": "body"} {
		put(t, b, name, body)
	}
	for _, deep := range []bool{false, true} {
		got := map[string]blob.Difference{}
		if err := blob.Compare(t.Context(), a, b, func(name string, kind blob.Difference) error {
			got[name] = kind
			return nil
		}, deep); err != nil {
			t.Fatal(err)
		}
		want := map[string]blob.Difference{"a/only": blob.MissingInB, "a/size": blob.OtherSize, "b/only": blob.MissingInA}
		if deep {
			want["a/bytes"] = blob.OtherBytes
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("deep is %v: %v", deep, got)
		}
		if err := blob.Compare(t.Context(), a, b, func(string, blob.Difference) error { return errDown }, deep); !errors.Is(err, errDown) {
			t.Errorf("an error in the middle gave %v", err)
		}
	}
}
