package log

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

type attrsKey struct{}
type notesKey struct{}

// maxNotes bounds what one request notes; the line must stay readable.
const maxNotes = 64

// With adds pairs to every line that is logged with the context it gives: the request's id, for one.
func With(ctx context.Context, pairs ...any) context.Context {
	before, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return context.WithValue(ctx, attrsKey{}, append(slices.Clip(before), attrsOf(pairs)...))
}

func attrsOf(pairs []any) []slog.Attr {
	var r slog.Record
	r.Add(pairs...)
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	return attrs
}

// Notes are what is found out while a request is worked on, for its one line at the end.
type Notes struct {
	mu    sync.Mutex
	attrs []slog.Attr
}

// Begin opens a request's notes.
func Begin(ctx context.Context) (context.Context, *Notes) {
	n := &Notes{}
	return context.WithValue(ctx, notesKey{}, n), n
}

// Note adds pairs to the notes of the request that ctx belongs to, if it has any.
func Note(ctx context.Context, pairs ...any) {
	n, _ := ctx.Value(notesKey{}).(*Notes)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.attrs) < maxNotes {
		n.attrs = append(n.attrs, attrsOf(pairs)...)
	}
}

// Attrs gives what was noted so far, for slog.LogAttrs.
func (n *Notes) Attrs() []slog.Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.attrs)
}

// contextual adds what With has put into the context.
type contextual struct{ next slog.Handler }

func (c contextual) Enabled(ctx context.Context, l slog.Level) bool { return c.next.Enabled(ctx, l) }

func (c contextual) Handle(ctx context.Context, r slog.Record) error {
	if attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr); len(attrs) > 0 {
		r = r.Clone()
		r.AddAttrs(attrs...)
	}
	return c.next.Handle(ctx, r)
}

func (c contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{c.next.WithAttrs(attrs)}
}

func (c contextual) WithGroup(name string) slog.Handler { return contextual{c.next.WithGroup(name)} }
