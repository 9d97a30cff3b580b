package admit_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/kit/admit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is a server behind a gate, whose handler waits until it is let go.
type door struct {
	*httptest.Server
	entered chan string
	leave   chan struct{}
	most    atomic.Int64
	now     atomic.Int64
}

func open(t *testing.T, o admit.Options) *door {
	t.Helper()
	d := &door{entered: make(chan string, 100), leave: make(chan struct{})}
	o.Refuse = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	o.Exempt = func(r *http.Request) bool { return r.URL.Path == "/live" }
	o.Foreign = func(r *http.Request) bool { return r.URL.Path == "/inbox" }
	d.Server = httptest.NewServer(admit.New(o).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := d.now.Add(1)
		defer d.now.Add(-1)
		for most := d.most.Load(); n > most && !d.most.CompareAndSwap(most, n); most = d.most.Load() {
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		d.entered <- r.URL.Path
		<-d.leave
		_, _ = w.Write([]byte(strconv.Itoa(len(text))))
	})))
	t.Cleanup(d.Close)
	return d
}

func (d *door) ask(t *testing.T, path string) (code int, retry string) {
	t.Helper()
	resp, err := d.Client().Get(d.URL + path)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

// fill takes n seats and waits until they are taken.
func (d *door) fill(t *testing.T, wg *sync.WaitGroup, n int, path string) {
	t.Helper()
	for range n {
		wg.Go(func() {
			if code, _ := d.ask(t, path); code != 200 {
				t.Errorf("one with a seat got %d", code)
			}
		})
	}
	for range n {
		<-d.entered
	}
}

func TestBeyondTheSeatsIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	d := open(t, admit.Options{Seats: 3, Wait: time.Millisecond})
	var wg sync.WaitGroup
	d.fill(t, &wg, 3, "/")
	code, retry := d.ask(t, "/")
	if n, err := strconv.Atoi(retry); code != 503 || err != nil || n < 1 || n > 5 {
		t.Errorf("beyond the seats: %d, Retry-After %q", code, retry)
	}
	wg.Go(func() { d.ask(t, "/live") })
	if got := <-d.entered; got != "/live" {
		t.Errorf("%s entered", got)
	}
	close(d.leave)
	wg.Wait()
	if d.most.Load() != 4 { // and the exempt one
		t.Errorf("%d at once", d.most.Load())
	}
	if code, _ := d.ask(t, "/"); code != 200 {
		t.Errorf("with all seats free: %d", code)
	}
}

func TestOneWaitsForASeat(t *testing.T) {
	t.Parallel()
	d := open(t, admit.Options{Seats: 1, Wait: time.Minute})
	var wg sync.WaitGroup
	d.fill(t, &wg, 1, "/first")
	wg.Go(func() {
		if code, _ := d.ask(t, "/second"); code != 200 {
			t.Errorf("the one that waited got %d", code)
		}
	})
	d.leave <- struct{}{}
	if got := <-d.entered; got != "/second" {
		t.Errorf("%s entered", got)
	}
	close(d.leave)
	wg.Wait()
}

func TestOtherServersLeaveHalfOfTheSeatsToPeople(t *testing.T) {
	t.Parallel()
	d := open(t, admit.Options{Seats: 4, Wait: time.Millisecond})
	var wg sync.WaitGroup
	d.fill(t, &wg, 2, "/inbox")
	if code, _ := d.ask(t, "/inbox"); code != 503 {
		t.Errorf("a third of theirs: %d", code)
	}
	d.fill(t, &wg, 2, "/api")
	close(d.leave)
	wg.Wait()
}

// A client that sends its body byte by byte must not keep a seat (INB-05).
func TestASlowSenderHoldsNoSeat(t *testing.T) {
	t.Parallel()
	d := open(t, admit.Options{Seats: 1, Wait: time.Minute})
	slow, err := net.Dial("tcp", d.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := slow.Write([]byte("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	d.fill(t, &wg, 1, "/quick")
	if _, err := slow.Write([]byte("bc")); err != nil {
		t.Fatal(err)
	}
	close(d.leave)
	wg.Wait()
	if got := <-d.entered; got != "/slow" {
		t.Errorf("%s entered", got)
	}
}

func TestBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	d := open(t, admit.Options{Seats: 2, Wait: time.Minute})
	close(d.leave)
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3 << 20} {
		for name, body := range map[string]io.Reader{
			"known length": bytes.NewReader(make([]byte, size)), "unknown length": io.MultiReader(strings.NewReader(""), bytes.NewReader(make([]byte, size))),
		} {
			resp, err := d.Client().Post(d.URL+"/", "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(got) != strconv.Itoa(size) {
				t.Errorf("%d bytes of %s: the handler saw %s", size, name, got)
			}
			<-d.entered
		}
	}
}
