package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/errs"
)

type relaysCmd struct {
	List    relaysListCmd    `cmd:"" default:"withargs" help:"List the relays."`
	Add     relaysAddCmd     `cmd:"" help:"Enter a relay and ask it to take part."`
	Enable  relaysEnableCmd  `cmd:"" help:"Ask a relay to take part, once more if need be."`
	Disable relaysDisableCmd `cmd:"" help:"Leave a relay, but keep it in the list."`
	Remove  relaysRemoveCmd  `cmd:"" help:"Leave a relay and forget it."`
}

// relayInfo is a relay as it is printed.
type relayInfo struct {
	Inbox string `json:"inbox"`
	Actor string `json:"actor,omitempty"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	Since string `json:"since"`
}

type relaysListCmd struct {
	JSON bool `name:"json" help:"Print JSON, one relay a line."`
}

// Run lists the relays.
func (c *relaysListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return listRelays(e, a, c.JSON) })
}

func listRelays(e *env, a *app.App, asJSON bool) error {
	list, err := a.Instances.Relays(e.ctx, a.DB)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	if !asJSON {
		_, _ = fmt.Fprintln(w, "INBOX\tKIND\tSTATE\tSINCE\tACTOR")
	}
	for _, r := range list {
		i := relayInfo{Inbox: r.InboxURL, Actor: r.ActorURI, Kind: r.Kind, State: r.State, Since: r.UpdatedAt.UTC().Format("2006-01-02 15:04:05")}
		if asJSON {
			err = json.NewEncoder(e.out).Encode(i)
		} else {
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.Inbox, i.Kind, i.State, i.Since, orDash(i.Actor))
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

type relaysAddCmd struct {
	URL  string `arg:"" help:"The relay's inbox, https://relay.example/inbox (Mastodon's kind), or its actor, https://relay.example/actor (LitePub's)."`
	Kind string `enum:"mastodon,litepub," default:"" help:"mastodon or litepub, where the address does not tell."`
}

// Run enters a relay and asks it.
func (c *relaysAddCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		r, err := a.Federation.AddRelay(e.ctx, c.URL, c.Kind)
		if err != nil {
			return err
		}
		if r.State == instances.RelayIdle {
			if err := a.Federation.EnableRelay(e.ctx, r); err != nil {
				return err
			}
		}
		return listRelays(e, a, false)
	})
}

// relay finds a relay by its inbox or actor, does something with it and lists what there is then.
func relay(e *env, url string, do func(*app.App, instances.Relay) error) error {
	return e.command(func(a *app.App) error {
		r, err := a.Instances.RelayAt(e.ctx, a.DB, url)
		if errs.IsNotFound(err) {
			return fmt.Errorf("there is no relay %s", url)
		}
		if err == nil {
			err = do(a, r)
		}
		if err != nil {
			return err
		}
		return listRelays(e, a, false)
	})
}

type relaysEnableCmd struct {
	URL string `arg:"" help:"The relay's inbox or actor."`
}

// Run asks a relay.
func (c *relaysEnableCmd) Run(e *env) error {
	return relay(e, c.URL, func(a *app.App, r instances.Relay) error { return a.Federation.EnableRelay(e.ctx, r) })
}

type relaysDisableCmd struct {
	URL string `arg:"" help:"The relay's inbox or actor."`
}

// Run leaves a relay.
func (c *relaysDisableCmd) Run(e *env) error {
	return relay(e, c.URL, func(a *app.App, r instances.Relay) error { return a.Federation.DisableRelay(e.ctx, r, false) })
}

type relaysRemoveCmd struct {
	URL string `arg:"" help:"The relay's inbox or actor."`
}

// Run leaves a relay and forgets it.
func (c *relaysRemoveCmd) Run(e *env) error {
	return relay(e, c.URL, func(a *app.App, r instances.Relay) error { return a.Federation.DisableRelay(e.ctx, r, true) })
}
