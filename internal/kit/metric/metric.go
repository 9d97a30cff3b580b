// Package metric owns the numbers an operator asks for: counters, gauges and histograms in Prometheus' shape, declared beside the code that counts.
//
// A Registry is made once, by app, and handed down. A nil *Registry makes metrics that work and that nobody reads, so that tests need none.
// Labels have few values, never an account, a host or a URL; the package holds that promise: past maxSeries combinations of a metric, further
// ones are counted together as "other".
package metric

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// Prefix begins every name.
	Prefix = "gomph_"
	// maxSeries bounds the label combinations of one metric; a process must stay far below 5,000 series.
	maxSeries = 200
	// maxLabel bounds a label's value in bytes.
	maxLabel = 64
	// maxScrapes bounds how many scrapes are answered at once: more is somebody else's mistake.
	maxScrapes = 4
	// Other stands for label values beyond the bounds.
	Other = "other"
)

// Buckets of durations in seconds, from a cached answer to a patient worker.
var durationBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// Registry knows all metrics of a process.
type Registry struct {
	inner *prometheus.Registry
	mu    sync.Mutex
	infos []Info
}

// Info describes one metric, for docs/metrics.md.
type Info struct {
	Name   string
	Type   string // counter, gauge or histogram
	Help   string
	Labels []string
}

// New makes a registry that also tells of the Go runtime and the process.
func New() *Registry {
	r := &Registry{inner: prometheus.NewRegistry()}
	r.inner.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler answers scrapes.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.inner, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, EnableOpenMetrics: true})
}

// Describe lists our metrics by name (not those of the runtime and the process).
func (r *Registry) Describe() []Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	infos := slices.Clone(r.infos)
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// Counter declares a number that only grows. Its name ends in _total. The prefix is added when missing.
func (r *Registry) Counter(name, help string, labels ...string) *Counter {
	name = full(name)
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.add(vec, Info{name, "counter", help, labels})
	return &Counter{series[prometheus.Counter]{find: vec.WithLabelValues}}
}

// Gauge declares a number that goes up and down.
func (r *Registry) Gauge(name, help string, labels ...string) *Gauge {
	name = full(name)
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.add(vec, Info{name, "gauge", help, labels})
	return &Gauge{series[prometheus.Gauge]{find: vec.WithLabelValues}}
}

// GaugeFunc declares a number that is asked for at each scrape; read must be quick and safe to call at any time.
func (r *Registry) GaugeFunc(name, help string, read func() float64) {
	name = full(name)
	r.add(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read), Info{name, "gauge", help, nil})
}

// Histogram declares a distribution of durations in seconds. Its name ends in _seconds.
func (r *Registry) Histogram(name, help string, labels ...string) *Histogram {
	return r.HistogramOf(name, help, durationBuckets, labels...)
}

// HistogramOf is Histogram for other things than durations.
func (r *Registry) HistogramOf(name, help string, buckets []float64, labels ...string) *Histogram {
	name = full(name)
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.add(vec, Info{name, "histogram", help, labels})
	return &Histogram{series[prometheus.Observer]{find: vec.WithLabelValues}}
}

// add registers a metric. Declaring a name twice is a mistake of the program, found when it starts.
func (r *Registry) add(c prometheus.Collector, info Info) {
	if r == nil {
		return
	}
	if err := r.inner.Register(c); err != nil {
		panic(fmt.Sprintf("declaring metric %s: %v", info.Name, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.infos = append(r.infos, info)
}

func full(name string) string {
	if strings.HasPrefix(name, Prefix) {
		return name
	}
	return Prefix + name
}

// Counter only grows.
type Counter struct{ s series[prometheus.Counter] }

// Inc adds one, for these values of the labels.
func (c *Counter) Inc(labels ...string) { c.s.of(labels).Inc() }

// Add adds n, which must not be negative.
func (c *Counter) Add(n float64, labels ...string) { c.s.of(labels).Add(n) }

// Gauge goes up and down.
type Gauge struct{ s series[prometheus.Gauge] }

// Set makes it v.
func (g *Gauge) Set(v float64, labels ...string) { g.s.of(labels).Set(v) }

// Add adds n, which may be negative.
func (g *Gauge) Add(n float64, labels ...string) { g.s.of(labels).Add(n) }

// Histogram is a distribution.
type Histogram struct{ s series[prometheus.Observer] }

// Observe notes one value, for durations in seconds.
func (h *Histogram) Observe(v float64, labels ...string) { h.s.of(labels).Observe(v) }

// series finds the one for some values of the labels, and keeps their number bounded.
type series[M any] struct {
	find  func(...string) M
	mu    sync.RWMutex
	known map[string]M
}

func (s *series[M]) of(labels []string) M {
	key := strings.Join(labels, "\x00")
	s.mu.RLock()
	m, ok := s.known[key]
	s.mu.RUnlock()
	if ok {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.known[key]; ok {
		return m
	}
	clean := make([]string, len(labels))
	for i, v := range labels {
		if clean[i] = strings.ToValidUTF8(v, "?"); len(v) > maxLabel || len(s.known) >= maxSeries {
			clean[i] = Other
		}
	}
	m = s.find(clean...)
	if s.known == nil {
		s.known = map[string]M{}
	}
	if len(s.known) < maxSeries && !slices.Contains(clean, Other) {
		s.known[key] = m
	}
	return m
}
