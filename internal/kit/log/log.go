// Package log owns how the process speaks to its operator: slog with levels by name, secrets blanked, repeated lines folded.
package log

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
)

// LevelFatal is above error; Rails has it. Nothing of ours logs at it, so it silences a process.
const LevelFatal = slog.Level(12)

// Options say how to log. The zero value logs warnings as text on standard error, folding repeats.
type Options struct {
	Level  string        // debug, info, warn, error, fatal; empty: warn
	Format string        // text or json; empty: text
	Writer io.Writer     // nil: standard error
	Fold   time.Duration // how long identical lines are folded; zero: 10 s; negative: never
}

// New makes a logger. stop prints the counts of lines being folded; call it last.
func New(o Options) (logger *slog.Logger, stop func(), err error) {
	level, err := ParseLevel(o.Level)
	if err != nil {
		return nil, nil, err
	}
	if o.Writer == nil {
		o.Writer = os.Stderr
	}
	ho := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	var h slog.Handler
	switch strings.ToLower(o.Format) {
	case "", "text":
		h = slog.NewTextHandler(o.Writer, ho)
	case "json":
		h = slog.NewJSONHandler(o.Writer, ho)
	default:
		return nil, nil, fmt.Errorf("setting up the log: format %q is neither text nor json", o.Format)
	}
	h = contextual{h}
	if o.Fold < 0 {
		return slog.New(h), func() {}, nil
	}
	if o.Fold == 0 {
		o.Fold = foldFor
	}
	f := &folder{window: o.Fold, lines: map[string]*line{}}
	return slog.New(folding{next: h, folder: f}), f.stop, nil
}

// ParseLevel reads a level's name, as Rails and others spell them; the empty one is warn.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "", "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "fatal", "unknown":
		return LevelFatal, nil
	}
	return 0, fmt.Errorf("reading log level: %q is none of debug, info, warn, error, fatal", name)
}
