package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/errs"
)

type hostsCmd struct {
	List  hostsListCmd  `cmd:"" default:"withargs" help:"List the hosts that deliveries have trouble with."`
	Show  hostsShowCmd  `cmd:"" help:"Show how it goes with one host."`
	Retry hostsRetryCmd `cmd:"" help:"Try a host that fails, or was given up, now."`
	Clear hostsClearCmd `cmd:"" help:"Forget that a host ever failed: everything that waits for it is sent."`
}

// hostsAtOnce bounds how many hosts are read at once.
const hostsAtOnce = 500

// hostInfo is a host as it is printed. Times that never were are left out.
type hostInfo struct {
	Host        string     `json:"host"`
	State       string     `json:"state"`
	Since       *time.Time `json:"since,omitempty"`
	LastSuccess *time.Time `json:"last_success_at,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
	Failures    int64      `json:"failures"`
	FailedDays  int64      `json:"failed_days"`
	Waiting     int64      `json:"waiting_deliveries"`
	NextProbe   *time.Time `json:"next_probe_at,omitempty"`
}

func infoOf(h instances.Host, waiting int64, now time.Time) hostInfo {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	return hostInfo{Host: h.Domain, State: string(h.State(now)), Since: known(h.Since(now)), LastSuccess: known(h.LastSuccessAt), LastError: h.LastError,
		Failures: h.Failures, FailedDays: h.FailedDays, Waiting: waiting, NextProbe: known(h.RetryAt)}
}

func shown(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format("2006-01-02 15:04:05")
}

type hostsListCmd struct {
	State []string `help:"Only hosts in these states: failing, recovering, unavailable, healthy. Default: all but healthy."`
	JSON  bool     `name:"json" help:"Print JSON, one host a line."`
}

// Run lists hosts by name.
func (c *hostsListCmd) Run(e *env) error {
	states := []instances.State{instances.Failing, instances.Recovering, instances.Unavailable}
	if len(c.State) > 0 {
		states = nil
	}
	for _, name := range c.State {
		if !slices.Contains(instances.States, instances.State(name)) {
			return fmt.Errorf("there is no state %q; there are failing, recovering, unavailable and healthy", name)
		}
		states = append(states, instances.State(name))
	}
	return e.command(func(a *app.App) error {
		w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
		if !c.JSON {
			_, _ = fmt.Fprintln(w, "HOST\tSTATE\tSINCE\tLAST SUCCESS\tLAST ERROR\tWAITING\tNEXT PROBE")
		}
		err := eachHost(e, a, states, func(i hostInfo) error {
			if c.JSON {
				return json.NewEncoder(e.out).Encode(i)
			}
			_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", i.Host, i.State, shown(i.Since), shown(i.LastSuccess), orDash(i.LastError), i.Waiting, shown(i.NextProbe))
			return err
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// eachHost reads the hosts in some states, a slice at a time.
func eachHost(e *env, a *app.App, states []instances.State, do func(hostInfo) error) error {
	for after := ""; ; {
		list, err := a.Instances.Hosts(e.ctx, a.DB, states, after, hostsAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		names := make([]string, len(list))
		for i, h := range list {
			names[i] = h.Domain
		}
		waiting, err := a.Instances.Waiting(e.ctx, a.DB, names)
		if err != nil {
			return err
		}
		for _, h := range list {
			if err := do(infoOf(h, waiting[h.Domain], a.Clock.Now())); err != nil {
				return err
			}
		}
		after = names[len(names)-1]
	}
}

type hostsShowCmd struct {
	Host string `arg:"" help:"The host, with its port if it has one."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run shows one host.
func (c *hostsShowCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return showHost(e, a, c.Host, c.JSON) })
}

func showHost(e *env, a *app.App, host string, asJSON bool) error {
	h, err := knownHost(e, a, host)
	if err != nil {
		return err
	}
	waiting, err := a.Instances.Waiting(e.ctx, a.DB, []string{h.Domain})
	if err != nil {
		return err
	}
	i := infoOf(h, waiting[h.Domain], a.Clock.Now())
	if asJSON {
		return printJSON(e, i)
	}
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	for _, line := range [][2]string{
		{"host", i.Host}, {"state", i.State}, {"since", shown(i.Since)}, {"last success", shown(i.LastSuccess)}, {"last error", orDash(i.LastError)},
		{"failures", fmt.Sprint(i.Failures)}, {"failed on days", fmt.Sprint(i.FailedDays)}, {"waiting deliveries", fmt.Sprint(i.Waiting)}, {"next probe", shown(i.NextProbe)},
	} {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
	}
	return w.Flush()
}

// knownHost finds a host that this server had to do with.
func knownHost(e *env, a *app.App, host string) (instances.Host, error) {
	h, err := a.Instances.ByDomain(e.ctx, a.DB, strings.ToLower(host))
	if errs.IsNotFound(err) {
		return h, fmt.Errorf("nothing was ever sent to %s, nor came from there", host)
	}
	return h, err
}

type hostsRetryCmd struct {
	Host string `arg:"" help:"The host, with its port if it has one."`
}

// Run lets a host be probed by what waits for it, or else by the next delivery.
func (c *hostsRetryCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		h, err := knownHost(e, a, c.Host)
		if err != nil {
			return err
		}
		if err := a.Instances.Retry(e.ctx, h.Domain); err != nil {
			return err
		}
		return showHost(e, a, h.Domain, false)
	})
}

type hostsClearCmd struct {
	Host string `arg:"" help:"The host, with its port if it has one."`
}

// Run forgets the failures of a host.
func (c *hostsClearCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		h, err := knownHost(e, a, c.Host)
		if err != nil {
			return err
		}
		if err := a.Instances.Clear(e.ctx, h.Domain); err != nil {
			return err
		}
		return showHost(e, a, h.Domain, false)
	})
}
