package main

import (
	"fmt"
	"io"
	"time"
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
