package app

import (
	"context"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/metric"
)

// usageEvery is how often what an S3 server was asked goes into SQL: little is lost when a process dies.
const usageEvery = time.Minute

// usage counts what the S3 server with the files was asked, until it is kept (requirement F3).
type usage struct {
	mu   sync.Mutex
	sums map[string]media.Usage
}

// observer is what the store of files tells of each request.
func (u *usage) observer(m *metric.Registry) func(class string, in, out int64) {
	requests := m.Counter("s3_requests_total", "Requests to the S3 server with the files, by class as S3 is billed: write (with lists), read, delete.", "class")
	bytes := m.Counter("s3_bytes_total", "Bytes of files exchanged with the S3 server: in came from it, out went there.", "direction")
	return func(class string, in, out int64) {
		requests.Inc(class)
		bytes.Add(float64(in), "in")
		bytes.Add(float64(out), "out")
		u.add(media.Usage{Class: class, Requests: 1, In: in, Out: out})
	}
}

func (u *usage) add(n media.Usage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sums == nil {
		u.sums = map[string]media.Usage{}
	}
	sum := u.sums[n.Class]
	u.sums[n.Class] = media.Usage{Class: n.Class, Requests: sum.Requests + n.Requests, In: sum.In + n.In, Out: sum.Out + n.Out}
}

// take gives what was counted, and begins anew.
func (u *usage) take() []media.Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []media.Usage
	for _, sum := range u.sums {
		out = append(out, sum)
	}
	u.sums = nil
	return out
}

// keepUsage puts what was counted into SQL every minute.
func (a *App) keepUsage(ctx context.Context) error {
	return every(ctx, usageEvery, a.flushUsage)
}

// flushUsage puts what was counted into SQL. What cannot be put there is kept for the next time.
func (a *App) flushUsage() {
	sums := a.usage.take()
	if len(sums) == 0 || a.Media == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit) // also when the process is asked to end
	defer cancel()
	if err := a.Media.AddUsage(ctx, sums); err != nil {
		for _, s := range sums {
			a.usage.add(s)
		}
		a.Log.Warn("what the S3 server was asked is not counted yet", "requirement", "F3", "error", err)
	}
}
