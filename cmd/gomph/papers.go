package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/settings"
)

type termsCmd struct {
	List    termsListCmd    `cmd:"" default:"1" help:"List the editions of the terms of service, the draft first."`
	Show    termsShowCmd    `cmd:"" help:"Print the text of an edition."`
	Draft   termsDraftCmd   `cmd:"" help:"Write the draft of the next edition."`
	Publish termsPublishCmd `cmd:"" help:"Make the draft an edition, and write to everybody about it."`
	Drop    termsDropCmd    `cmd:"" help:"Forget the draft."`
}

const dayLayout = "2006-01-02"

type termsListCmd struct{}

// Run lists the editions.
func (*termsListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return listTerms(e, a) })
}

func listTerms(e *env, a *app.App) error {
	list, err := a.Settings.AllTerms(e.ctx, a.DB)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tSTATE\tHOLDS FROM\tUNTIL\tCHARACTERS")
	for _, t := range list {
		state, from, until := "draft", "-", "-"
		if !t.PublishedAt.IsZero() {
			from, state = t.EffectiveOn.Format(dayLayout), "published"
		}
		if !t.SucceededOn.IsZero() && state == "published" {
			until = t.SucceededOn.Format(dayLayout)
		}
		if _, err := fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\n", t.ID, state, from, until, len([]rune(t.Text))); err != nil {
			return err
		}
	}
	return w.Flush()
}

type termsShowCmd struct {
	ID int64 `arg:"" help:"The edition's number."`
}

// Run prints an edition.
func (c *termsShowCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		t, err := a.Settings.TermsByID(e.ctx, a.DB, c.ID)
		if err != nil {
			return fmt.Errorf("there is no edition %d", c.ID)
		}
		_, err = fmt.Fprintln(e.out, t.Text)
		return err
	})
}

type termsDraftCmd struct {
	File      string `arg:"" help:"The text, HTML or plain; - reads it from the standard input."`
	Changelog string `help:"What is new in it; it stands in the mail."`
}

// Run writes the draft.
func (c *termsDraftCmd) Run(e *env) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	const most = 1 << 20 // more than terms may have; the rest is refused there
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return err
	}
	return e.command(func(a *app.App) error {
		if err := a.Settings.DraftTerms(e.ctx, settings.Terms{Text: string(text), Changelog: c.Changelog}); err != nil {
			return err
		}
		return listTerms(e, a)
	})
}

type termsPublishCmd struct {
	From time.Time `arg:"" format:"2006-01-02" help:"The day from which it holds, as in 2027-01-31."`
}

// Run publishes the draft.
func (c *termsPublishCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if _, err := a.Settings.PublishTerms(e.ctx, c.From); err != nil {
			return err
		}
		return listTerms(e, a)
	})
}

type termsDropCmd struct{}

// Run forgets the draft.
func (*termsDropCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return a.Settings.DropDraft(e.ctx) })
}

type rulesCmd struct {
	List      rulesListCmd      `cmd:"" default:"1" help:"List the rules of the server."`
	Add       rulesAddCmd       `cmd:"" help:"Add a rule after the others."`
	Edit      rulesEditCmd      `cmd:"" help:"Write a rule anew."`
	Remove    rulesRemoveCmd    `cmd:"" help:"Take a rule away."`
	Translate rulesTranslateCmd `cmd:"" help:"Say a rule in another language."`
}

type rulesListCmd struct{}

// Run lists the rules.
func (*rulesListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return listRules(e, a) })
}

func listRules(e *env, a *app.App) error {
	list, err := a.Settings.Rules(e.ctx, a.DB)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	for _, r := range list {
		_, _ = fmt.Fprintf(w, "%d\t\t%s\t%s\n", r.ID, r.Text, r.Hint)
		for _, language := range slices.Sorted(maps.Keys(r.Translations)) {
			t := r.Translations[language]
			_, _ = fmt.Fprintf(w, "\t%s\t%s\t%s\n", language, t.Text, t.Hint)
		}
	}
	return w.Flush()
}

// changeRules does something with the rules and lists them.
func changeRules(e *env, do func(*app.App) error) error {
	return e.command(func(a *app.App) error {
		if err := do(a); err != nil {
			return err
		}
		return listRules(e, a)
	})
}

type rulesAddCmd struct {
	Text string `arg:"" help:"The rule."`
	Hint string `help:"What explains it."`
}

// Run adds a rule.
func (c *rulesAddCmd) Run(e *env) error {
	return changeRules(e, func(a *app.App) error {
		_, err := a.Settings.AddRule(e.ctx, settings.Rule{Text: c.Text, Hint: c.Hint})
		return err
	})
}

type rulesEditCmd struct {
	ID   int64  `arg:"" help:"The rule's number."`
	Text string `arg:"" help:"The rule."`
	Hint string `help:"What explains it."`
}

// Run writes a rule anew.
func (c *rulesEditCmd) Run(e *env) error {
	return changeRules(e, func(a *app.App) error {
		return a.Settings.ChangeRule(e.ctx, settings.Rule{ID: c.ID, Text: c.Text, Hint: c.Hint})
	})
}

type rulesRemoveCmd struct {
	ID int64 `arg:"" help:"The rule's number."`
}

// Run takes a rule away.
func (c *rulesRemoveCmd) Run(e *env) error {
	return changeRules(e, func(a *app.App) error { return a.Settings.RemoveRule(e.ctx, c.ID) })
}

type rulesTranslateCmd struct {
	ID       int64  `arg:"" help:"The rule's number."`
	Language string `arg:"" help:"The language's code, as in de or pt."`
	Text     string `arg:"" optional:"" help:"The rule in that language; without it the translation is taken away."`
	Hint     string `help:"What explains it, in that language."`
}

// Run translates a rule.
func (c *rulesTranslateCmd) Run(e *env) error {
	return changeRules(e, func(a *app.App) error {
		return a.Settings.TranslateRule(e.ctx, c.ID, c.Language, settings.RuleText{Text: c.Text, Hint: c.Hint})
	})
}
