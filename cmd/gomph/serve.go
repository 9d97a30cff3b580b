package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/config"
)

type serveCmd struct {
	Roles  []string `placeholder:"ROLES" help:"Only some of web,streaming,worker,scheduler."`
	Queues []string `sep:"none" placeholder:"QUEUES" help:"See gomph worker."`
	Slots  int      `placeholder:"N" help:"How many jobs run at once. Default: sized by the machine."`
}

// Run serves with all roles, or those asked for. It brings the database up to date first.
func (c *serveCmd) Run(e *env) error {
	roles := c.Roles
	if len(roles) == 0 {
		roles = app.Roles
	}
	for _, r := range roles {
		if !slices.Contains(app.Roles, r) {
			return fmt.Errorf("there is no role %q; there are %s", r, strings.Join(app.Roles, ", "))
		}
	}
	return e.serve(app.Plan{Roles: roles, Queues: c.Queues, Slots: c.Slots}, app.Options{Migrate: true, FirstStart: true})
}

type webCmd struct{}

// Run serves pages, the API and federation.
func (*webCmd) Run(e *env) error { return e.part("web") }

type streamingCmd struct{}

// Run serves the streaming API.
func (*streamingCmd) Run(e *env) error { return e.part("streaming") }

type schedulerCmd struct{}

// Run emits the recurring work.
func (*schedulerCmd) Run(e *env) error { return e.part("scheduler") }

type workerCmd struct {
	Queues []string `sep:"none" placeholder:"QUEUES" help:"One list is a strict order: default,ingress,push,pull,mailers. Given several times with weights, as --queues default,4 --queues push,2, queues share. cap=N after a name is the most slots that the queue may hold, min=N how many the others leave to it: push,2,cap=25. Default: all six, weighted."`
	Slots  int      `placeholder:"N" help:"How many jobs run at once. Default: sized by the machine."`
}

// Run works on jobs.
func (c *workerCmd) Run(e *env) error {
	if _, _, err := app.ParseQueues(c.Queues); err != nil {
		return err
	}
	return e.serve(app.Plan{Roles: []string{"worker"}, Queues: c.Queues, Slots: c.Slots}, app.Options{Several: true})
}

// part serves one role, as one of several processes.
func (e *env) part(role string) error {
	return e.serve(app.Plan{Roles: []string{role}}, app.Options{Several: true})
}

func (e *env) serve(p app.Plan, o app.Options) error {
	o.Roles = strings.Join(p.Roles, ",")
	o.Out = e.err
	a, err := app.New(e.ctx, e.config, o)
	if err != nil {
		return err
	}
	defer a.Close()
	if len(e.unknown) > 0 {
		_, _ = fmt.Fprintf(e.err, "gomph: these settings mean nothing here: %s\n", strings.Join(e.unknown, ", "))
	}
	_, _ = fmt.Fprintf(e.err, "gomph %s: %s%s\n", config.Version, o.Roles, p.Where(e.config))
	if err := a.Run(e.ctx, p); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
