package main

import (
	"fmt"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/text"
)

type domainsAllowedCmd struct{}

// Run lists the domains that are allowed, by name, one a line.
func (c *domainsAllowedCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Instances.Allows(e.ctx, a.DB)
		if err != nil {
			return err
		}
		for _, domain := range list {
			_, _ = fmt.Fprintln(e.out, domain)
		}
		return nil
	})
}

type domainsAllowCmd struct {
	Domains []string `arg:"" help:"The domains."`
}

// Run allows domains in any spelling.
func (c *domainsAllowCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		for _, d := range c.Domains {
			domain, err := text.NormalizeDomain(d)
			if err != nil {
				return fmt.Errorf("%s is not a domain", d)
			}
			if err := a.Instances.Allow(e.ctx, domain); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(e.out, "allowed %s\n", domain)
		}
		if !e.config.Limited() {
			_, _ = fmt.Fprintln(e.out, "this matters only with LIMITED_FEDERATION_MODE=true")
		}
		return nil
	})
}

type domainsDisallowCmd struct {
	Domains []string `arg:"" help:"The domains."`
}

// Run takes domains off the list.
func (c *domainsDisallowCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		for _, d := range c.Domains {
			domain, err := text.NormalizeDomain(d)
			if err != nil {
				return fmt.Errorf("%s is not a domain", d)
			}
			was, err := a.Instances.Disallow(e.ctx, domain)
			if err != nil {
				return err
			}
			if !was {
				return fmt.Errorf("%s was not allowed", domain)
			}
			_, _ = fmt.Fprintf(e.out, "disallowed %s\n", domain)
		}
		return nil
	})
}
