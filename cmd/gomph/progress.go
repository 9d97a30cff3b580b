package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
)

// tellEvery is how often long work tells how far it is.
const tellEvery = 2 * time.Second

// teller tells how far long work is: a line now and then, with the time that the rest takes at the rate so far.
type teller struct {
	out   io.Writer
	now   func() time.Time
	what  string
	began time.Time
	first int // what was done already when it began
	last  time.Time
}

// tell says that so many of so many are done; the end of something is always told.
func (t *teller) tell(what string, done, of int) {
	now := t.now()
	if what != t.what {
		t.what, t.began, t.first, t.last = what, now, done, time.Time{}
	}
	if done < of && now.Sub(t.last) < tellEvery {
		return
	}
	t.last = now
	left := ""
	if done < of && done > t.first {
		rest := time.Duration(float64(now.Sub(t.began)) / float64(done-t.first) * float64(of-done))
		left = ", about " + rest.Round(time.Second).String() + " left"
	}
	_, _ = fmt.Fprintf(t.out, "%s: %d of %d (%d %%)%s\n", what, done, of, 100*done/max(of, 1), left) // what is told is no reason to stop
}

// count tells how many are done of something whose end is not known.
func (t *teller) count(what string, done int) {
	now := t.now()
	if now.Sub(t.last) < tellEvery {
		return
	}
	t.last = now
	_, _ = fmt.Fprintf(t.out, "%s: %d\n", what, done) // what is told is no reason to stop
}

// barWidth is how many characters a bar has.
const barWidth = 30

// bar shows how far a copy is: on a terminal as a line that is written over, otherwise as a line now and then.
type bar struct {
	out      io.Writer
	now      func() time.Time
	terminal bool
	last     time.Time
}

func newBar(out io.Writer, now func() time.Time) *bar {
	b := &bar{out: out, now: now}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

func (b *bar) tell(p blob.CopyProgress) {
	now := b.now()
	if !b.terminal && now.Sub(b.last) < tellEvery {
		return
	}
	b.last = now
	line := fmt.Sprintf("%d files, %d copied (%s)", p.Seen, p.Copied, size(p.Bytes))
	if p.Total > 0 {
		part := min(float64(p.Seen)/float64(p.Total), 1)
		full := int(part * barWidth)
		line = fmt.Sprintf("[%s%s] %3.0f %%  %d of %d files, %d copied (%s)", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), part*100, p.Seen, p.Total, p.Copied, size(p.Bytes))
	}
	if p.Failed > 0 {
		line += fmt.Sprintf(", %d failed", p.Failed)
	}
	if left, known := p.ETA(now); known {
		line += ", about " + left.Round(time.Second).String() + " left"
	}
	if b.terminal {
		_, _ = fmt.Fprint(b.out, "\r\x1b[K"+line)
		return
	}
	_, _ = fmt.Fprintln(b.out, line)
}

// end leaves the line of a bar.
func (b *bar) end() {
	if b.terminal {
		_, _ = fmt.Fprintln(b.out)
	}
}
