package metric_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gomph/gomph/internal/kit/metric"
)

func scrape(t *testing.T, r *metric.Registry) string {
	t.Helper()
	rec := httptest.NewRecorder()
	r.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != 200 {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func TestScrape(t *testing.T) {
	t.Parallel()
	r := metric.New()
	done := r.Counter("jobs_done_total", "Jobs done.", "queue", "outcome")
	open := r.Gauge("gomph_streams_open", "Streams open now.")
	took := r.Histogram("job_duration_seconds", "How long a job takes.", "queue")
	r.GaugeFunc("queue_depth", "Jobs waiting.", func() float64 { return 42 })
	size := r.HistogramOf("body_bytes", "Sizes.", []float64{10, 100})
	done.Inc("push", "ok")
	done.Add(2, "push", "ok")
	done.Inc("push", "failed")
	open.Set(5)
	open.Add(-2)
	took.Observe(0.02, "push")
	size.Observe(50)
	text := scrape(t, r)
	for _, want := range []string{
		`gomph_jobs_done_total{outcome="ok",queue="push"} 3`,
		`gomph_jobs_done_total{outcome="failed",queue="push"} 1`,
		"gomph_streams_open 3",
		`gomph_job_duration_seconds_bucket{queue="push",le="0.025"} 1`,
		`gomph_job_duration_seconds_bucket{queue="push",le="0.01"} 0`,
		"gomph_queue_depth 42",
		`gomph_body_bytes_bucket{le="100"} 1`,
		"# HELP gomph_jobs_done_total Jobs done.",
		"go_goroutines", "process_cpu_seconds_total",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %q", want)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	r := metric.New()
	r.Gauge("b", "B.")
	r.Counter("a_total", "A.", "x", "y")
	want := []metric.Info{{"gomph_a_total", "counter", "A.", []string{"x", "y"}}, {"gomph_b", "gauge", "B.", nil}}
	if d := cmp.Diff(want, r.Describe()); d != "" {
		t.Error(d)
	}
}

// A label that somebody fills with hosts by mistake must not take the process down.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	r := metric.New()
	c := r.Counter("mistake_total", "X.", "host")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				c.Inc(fmt.Sprintf("%d.%d.example.org", w, i))
			}
			c.Inc(strings.Repeat("x", 1000))
			c.Inc("bad \xff utf-8\n\"")
		})
	}
	wg.Wait()
	text := scrape(t, r)
	lines := strings.Count(text, "\ngomph_mistake_total{")
	if lines > 202 {
		t.Errorf("%d series", lines)
	}
	if !strings.Contains(text, `gomph_mistake_total{host="other"}`) {
		t.Error("the rest is not counted")
	}
}

func TestDeclaringTwicePanics(t *testing.T) {
	t.Parallel()
	r := metric.New()
	r.Counter("a_total", "A.")
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	r.Counter("gomph_a_total", "A.")
}

func TestWithoutARegistry(t *testing.T) {
	t.Parallel()
	var r *metric.Registry
	r.Counter("a_total", "A.", "x").Inc("1")
	r.Counter("a_total", "A.", "x").Inc("1")
	r.Gauge("b", "B.").Set(1)
	r.Histogram("c_seconds", "C.").Observe(1)
	r.GaugeFunc("d", "D.", func() float64 { return 0 })
}
