package main

import (
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/door/activitypub"
)

type federationCmd struct {
	Trace federationTraceCmd `cmd:"" help:"Explain step by step what an address or a handle is to this server, and how deliveries there are."`

	Confirm federationConfirmCmd `cmd:"" help:"Let a server whose database was restored or copied to here federate again. Only do so when no other server runs with the same names and keys."`
}

type federationConfirmCmd struct{}

// Run ends what holds a copy back.
func (*federationConfirmCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		was, err := a.ConfirmPlace(e.ctx)
		if err != nil {
			return err
		}
		said := "federation was not held back"
		if was {
			said = "deliveries to other servers go on"
		}
		_, err = fmt.Fprintln(e.out, said)
		return err
	})
}

type federationTraceCmd struct {
	What string `arg:"" name:"url|handle" help:"The address of an account, a post or an activity, or a handle as in name@example.org; here or elsewhere."`
	JSON bool   `name:"json" help:"Print JSON, one step a line."`
}

// Run prints each step as it is taken.
func (c *federationTraceCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		fine, err := a.Federation.Trace(e.ctx, c.What, func(s activitypub.Step) {
			if c.JSON {
				_ = json.NewEncoder(e.out).Encode(s)
				return
			}
			took := ""
			if s.Took > 0 {
				took = fmt.Sprintf(" (%d ms)", s.Took)
			}
			_, _ = fmt.Fprintf(e.out, "%-4s  %-10s  %s%s\n", s.Outcome, s.Name, s.Text, took)
		})
		if err == nil && !fine {
			err = fmt.Errorf("%s is not taken here; the last steps say why", c.What)
		}
		return err
	})
}
