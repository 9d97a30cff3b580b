package fetch

import (
	"context"
	"sync"
)

// gates lets at most size requests a key pass at once. A key costs memory only while somebody passes or waits.
type gates struct {
	size int
	mu   sync.Mutex
	open map[string]*gate
}

type gate struct {
	slots chan struct{}
	users int
}

// enter waits for a place until ctx ends; the caller calls leave exactly once when err is nil.
func (g *gates) enter(ctx context.Context, key string) (leave func(), err error) {
	g.mu.Lock()
	one := g.open[key]
	if one == nil {
		one = &gate{slots: make(chan struct{}, g.size)}
		g.open[key] = one
	}
	one.users++
	g.mu.Unlock()
	select {
	case one.slots <- struct{}{}:
		return func() { <-one.slots; g.forget(key, one) }, nil
	case <-ctx.Done():
		g.forget(key, one)
		return nil, ctx.Err()
	}
}

func (g *gates) forget(key string, one *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(g.open, key)
	}
}
