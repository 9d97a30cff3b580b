package main

import (
	"fmt"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
)

type accountAliasCmd struct {
	Add    accountAliasAddCmd    `cmd:"" help:"Name another account that the person has, so that its followers can be moved here."`
	Remove accountAliasRemoveCmd `cmd:"" help:"Name an account no more."`
	List   accountAliasListCmd   `cmd:"" help:"List the ids of the other accounts."`
}

type accountAliasAddCmd struct {
	Name   string `arg:"" help:"The username."`
	Handle string `arg:"" help:"The other account, as in name@example.org."`
}

// Run adds an alias.
func (c *accountAliasAddCmd) Run(e *env) error {
	return onAccount(e, c.Name, "is also "+c.Handle, func(a *app.App, by *accounts.Account) error { return a.Federation.Alias(e.ctx, by, c.Handle, true) })
}

type accountAliasRemoveCmd struct {
	Name   string `arg:"" help:"The username."`
	Handle string `arg:"" help:"The other account, as in name@example.org."`
}

// Run takes an alias away.
func (c *accountAliasRemoveCmd) Run(e *env) error {
	return onAccount(e, c.Name, "is no longer "+c.Handle, func(a *app.App, by *accounts.Account) error { return a.Federation.Alias(e.ctx, by, c.Handle, false) })
}

type accountAliasListCmd struct {
	Name string `arg:"" help:"The username."`
}

// Run lists the aliases.
func (c *accountAliasListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		u, err := user(e, a, c.Name)
		if err != nil {
			return err
		}
		account, err := a.Accounts.ByID(e.ctx, a.DB, u.AccountID)
		if err != nil {
			return err
		}
		for _, uri := range account.AlsoKnownAs {
			if _, err := fmt.Fprintln(e.out, uri); err != nil {
				return err
			}
		}
		return nil
	})
}

type accountMoveCmd struct {
	Name string `arg:"" help:"The username."`
	To   string `required:"" help:"Where the account goes on, as in name@example.org. It must name the old account as its alias."`
}

// Run lets an account go on elsewhere. The followers are told by a worker.
func (c *accountMoveCmd) Run(e *env) error {
	return onAccount(e, c.Name, "goes on as "+c.To, func(a *app.App, by *accounts.Account) error { return a.Federation.Move(e.ctx, by, c.To) })
}

func onAccount(e *env, name, done string, do func(*app.App, *accounts.Account) error) error {
	return onUser(e, name, done, func(a *app.App, u *access.User) error {
		account, err := a.Accounts.ByID(e.ctx, a.DB, u.AccountID)
		if err != nil {
			return err
		}
		return do(a, account)
	})
}
