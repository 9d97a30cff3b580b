package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cost is what a number of requests took.
type cost struct {
	// each is the server's CPU time of one request.
	each time.Duration
	// p50, p95 and p99 are as the client saw them.
	p50, p95, p99 time.Duration
	// rate is how many were answered a second.
	rate float64
	// size is the mean length of an answer, in bytes.
	size int64
}

func (c cost) ms() float64 { return ms(c.each) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (c cost) String() string {
	return fmt.Sprintf("client p50 %s ms, p95 %s ms, %s/s", figure(ms(c.p50)), figure(ms(c.p95)), figure(c.rate))
}

// client keeps its connections, as apps and servers do.
func client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// measure makes n requests from some clients at once, and afterwards waits for what follows from them; wait may be nil.
func (s *server) measure(ctx context.Context, n, clients int, do func(i int) (int64, error), wait func() error) (cost, error) {
	before, err := s.cpu()
	if err != nil {
		return cost{}, err
	}
	s.profile(true)
	defer s.profile(false)
	began := time.Now()
	took := make([]time.Duration, n)
	var next, size atomic.Int64
	var failed error
	var once sync.Once
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				at := time.Now()
				length, err := do(i)
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				took[i] = time.Since(at)
				size.Add(length)
			}
		})
	}
	wg.Wait()
	all := time.Since(began)
	if failed == nil {
		failed = ctx.Err()
	}
	if failed == nil && wait != nil {
		failed = wait()
	}
	if failed != nil {
		return cost{}, failed
	}
	after, err := s.cpu()
	if err != nil {
		return cost{}, err
	}
	slices.Sort(took)
	return cost{
		each: (after - before) / time.Duration(n), p50: took[n/2], p95: took[n*95/100], p99: took[n*99/100], rate: float64(n) / all.Seconds(), size: size.Load() / int64(n),
	}, nil
}

// ask makes one request and reads its answer to the end.
func ask(ctx context.Context, c *http.Client, method, address, token string, form url.Values) ([]byte, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	} else {
		req.Header.Set("Accept", "text/html,*/*;q=0.8")
	}
	return answer(c, req)
}

func answer(c *http.Client, req *http.Request) ([]byte, error) {
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, refused{res.StatusCode, fmt.Sprintf("%s %s: status %d: %.500s", req.Method, req.URL, res.StatusCode, text)}
	}
	return text, nil
}

// refused is an answer that is no success.
type refused struct {
	status int
	text   string
}

func (r refused) Error() string { return r.text }

// get measures reading one address.
func (s *server) get(ctx context.Context, n, clients int, path, token string) (cost, error) {
	c := client()
	defer c.CloseIdleConnections()
	for range 20 { // warm
		if _, err := ask(ctx, c, http.MethodGet, s.url+path, token, nil); err != nil {
			return cost{}, err
		}
	}
	return s.measure(ctx, n, clients, func(int) (int64, error) {
		text, err := ask(ctx, c, http.MethodGet, s.url+path, token, nil)
		return int64(len(text)), err
	}, nil)
}
