package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/gomph/gomph/internal/kit/config"
)

// dialogue asks for settings. At a terminal it asks again when something does not work, and secrets are not seen; of answers that come from elsewhere
// each counts once.
type dialogue struct {
	fd       int
	in       *bufio.Reader
	out      io.Writer
	terminal *term.State // as it was; nil for none
	// lines are the answers, by the names of the settings.
	lines map[string]string
}

func newDialogue(in *os.File, out io.Writer) *dialogue {
	d := &dialogue{fd: int(in.Fd()), in: bufio.NewReader(in), out: out, lines: map[string]string{}}
	if term.IsTerminal(d.fd) {
		d.terminal, _ = term.GetState(d.fd)
	}
	return d
}

// errNoAnswer says that nobody answers any more.
var errNoAnswer = errors.New("the answers ended")

// stage asks until what was answered works.
func (d *dialogue) stage(ctx context.Context, s stage) error {
	for again := false; ; again = true {
		asked := 0
		for _, q := range s.ask {
			if q.when != nil && !q.when(d.lines) {
				delete(d.lines, q.name)
				continue
			}
			if q.settled {
				d.lines[q.name] = q.otherwise
				continue
			}
			if asked++; asked == 1 && !again {
				d.say("\n" + s.title + "\n")
			}
			answer, err := d.ask(ctx, q)
			if err != nil {
				return err
			}
			if d.lines[q.name] = answer; answer == "" {
				delete(d.lines, q.name)
			}
		}
		if asked == 0 {
			return nil
		}
		c, err := config.Read(d.lines)
		if err == nil && s.try != nil {
			err = s.try(ctx, c, d.lines)
		}
		if err == nil || ctx.Err() != nil || d.terminal == nil {
			return err
		}
		d.say("\n  That does not work: " + err.Error() + "\n  Once more, with what you said proposed:\n\n")
	}
}

func (d *dialogue) say(text string) { _, _ = io.WriteString(d.out, text) }

// ask puts a question until there is an answer to it. What was answered before, or is set in the environment, is proposed; - takes that back.
func (d *dialogue) ask(ctx context.Context, q question) (string, error) {
	proposed := q.otherwise
	for _, v := range []string{os.Getenv(q.name), d.lines[q.name]} {
		if v != "" {
			proposed = v
		}
	}
	for {
		answer, err := d.read(ctx, q, proposed)
		if err != nil {
			return "", err
		}
		switch {
		case answer == "":
			answer = proposed
		case answer == "-":
			answer = ""
		}
		wrong := ""
		switch {
		case q.yesNo:
			if answer, wrong = yesOrNo(answer); wrong == "" {
				return answer, nil
			}
		case answer == "" && q.must:
			wrong = "This one is needed"
		default:
			return answer, nil
		}
		if d.terminal == nil {
			return "", fmt.Errorf("%s: %s", q.name, wrong)
		}
		d.say("  " + wrong + ".\n")
	}
}

func yesOrNo(answer string) (value, wrong string) {
	switch strings.ToLower(answer) {
	case "y", "yes", "true":
		return "true", ""
	case "n", "no", "false", "":
		return "false", ""
	}
	return "", "Please answer yes or no"
}

// read shows a question and waits for a line.
func (d *dialogue) read(ctx context.Context, q question, proposed string) (string, error) {
	switch {
	case q.yesNo:
		proposed = map[string]string{"true": " [yes]", "false": " [no]"}[proposed]
	case proposed != "" && q.secret:
		proposed = " [as before]"
	case proposed != "":
		proposed = " [" + proposed + "]"
	}
	d.say("  " + q.ask + proposed + ": ")
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() { // which nothing ends but an answer
		if d.terminal != nil && q.secret {
			b, err := term.ReadPassword(d.fd)
			got <- line{string(b), err}
			return
		}
		text, err := d.in.ReadString('\n')
		if text != "" {
			err = nil
		}
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		if d.terminal != nil {
			_ = term.Restore(d.fd, d.terminal) // as good as it gets
		}
		d.say("\n")
		return "", ctx.Err()
	case l := <-got:
		if d.terminal == nil || q.secret {
			d.say("\n") // nobody saw a line end
		}
		if l.err != nil {
			return "", fmt.Errorf("%w before: %s", errNoAnswer, q.ask)
		}
		return strings.TrimSpace(l.text), nil
	}
}
