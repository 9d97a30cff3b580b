package log

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// foldFor is how long repeats of a line are counted instead of printed.
	foldFor = 10 * time.Second
	// maxLines bounds the different lines remembered at once; beyond it lines are printed as they come.
	maxLines = 2048
	// maxAlike bounds how many lines that share level and message, but differ in their attributes, are printed in one window: a
	// thousand hosts that fail at once are a fact for the metrics, not a thousand lines. It holds from warnings on.
	maxAlike = 50
)

// perRequest names attributes that differ for every request and do not make a warning a different one.
var perRequest = map[string]bool{"request_id": true, "took": true, "duration": true}

// folding prints the first of identical lines at once, and how many followed when the window is over.
type folding struct {
	next   slog.Handler
	folder *folder
	prefix string // attributes and groups that the logger already has
}

type folder struct {
	window time.Duration
	mu     sync.Mutex
	lines  map[string]*line
}

// line is one that was printed, and what it stands for since.
type line struct {
	seen    int // including the printed one
	alike   bool
	timer   *time.Timer
	record  slog.Record
	handler slog.Handler
	ctx     context.Context
}

// Enabled implements slog.Handler.
func (f folding) Enabled(ctx context.Context, l slog.Level) bool { return f.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (f folding) Handle(ctx context.Context, r slog.Record) error {
	if f.folder.swallow(ctx, f.next, r, f.prefix) {
		return nil
	}
	return f.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (f folding) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(f.prefix)
	for _, a := range attrs {
		writeAttr(&b, a, false)
	}
	return folding{f.next.WithAttrs(attrs), f.folder, b.String()}
}

// WithGroup implements slog.Handler.
func (f folding) WithGroup(name string) slog.Handler {
	return folding{f.next.WithGroup(name), f.folder, f.prefix + "\x01" + name}
}

// swallow counts a line and reports whether it is not to be printed.
func (f *folder) swallow(ctx context.Context, h slog.Handler, r slog.Record, prefix string) bool {
	grave := r.Level >= slog.LevelWarn
	about := r.Level.String() + "\x00" + r.Message
	key := lineKey(ctx, about, r, prefix, grave)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.again(key) {
		return true
	}
	if !grave {
		f.remember(ctx, key, h, r, false)
		return false
	}
	alike := f.lines[about]
	if alike == nil {
		alike = f.remember(ctx, about, h, slog.NewRecord(time.Time{}, r.Level, r.Message, 0), true)
	}
	if alike != nil {
		if alike.seen++; alike.seen > maxAlike {
			return true
		}
	}
	f.remember(ctx, key, h, r, false)
	return false
}

func (f *folder) again(key string) bool {
	l := f.lines[key]
	if l != nil {
		l.seen++
	}
	return l != nil
}

// remember starts a window; mu is held. The context loses its end, for the window outlives the request.
func (f *folder) remember(ctx context.Context, key string, h slog.Handler, r slog.Record, alike bool) *line {
	if len(f.lines) >= maxLines {
		return nil
	}
	l := &line{seen: 1, alike: alike, record: r.Clone(), handler: h, ctx: context.WithoutCancel(ctx)}
	if alike {
		l.seen = 0
	}
	l.timer = time.AfterFunc(f.window, func() {
		f.mu.Lock()
		if f.lines[key] == l {
			delete(f.lines, key)
		}
		f.mu.Unlock()
		l.conclude(time.Now())
	})
	f.lines[key] = l
	return l
}

// conclude says how many lines were not printed. The line is no longer among the remembered ones.
func (l *line) conclude(now time.Time) {
	r := l.record.Clone()
	r.Time = now
	switch {
	case l.alike && l.seen > maxAlike:
		r.AddAttrs(slog.Int("similar_not_shown", l.seen-maxAlike))
	case !l.alike && l.seen > 1:
		r.AddAttrs(slog.Int("repeated", l.seen-1))
	default:
		return
	}
	_ = l.handler.Handle(l.ctx, r)
}

// stop ends all windows and prints their counts.
func (f *folder) stop() {
	f.mu.Lock()
	lines := f.lines
	f.lines = map[string]*line{}
	f.mu.Unlock()
	now := time.Now()
	for _, l := range lines {
		if l.timer.Stop() {
			l.conclude(now)
		}
	}
}

// lineKey is what makes two lines identical: level, message and attributes, not the time.
func lineKey(ctx context.Context, about string, r slog.Record, prefix string, grave bool) string {
	var b strings.Builder
	b.WriteString(about)
	b.WriteString(prefix)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, a, grave)
		return true
	})
	if attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr); len(attrs) > 0 {
		for _, a := range attrs {
			writeAttr(&b, a, grave)
		}
	}
	return b.String()
}

func writeAttr(b *strings.Builder, a slog.Attr, grave bool) {
	if grave && perRequest[a.Key] {
		return
	}
	b.WriteString("\x00")
	b.WriteString(a.Key)
	b.WriteString("=")
	b.WriteString(a.Value.Resolve().String())
}
