package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

type accountCmd struct {
	Create   accountCreateCmd   `cmd:"" help:"Make an account."`
	Approve  accountApproveCmd  `cmd:"" help:"Let somebody in whose sign-up waits."`
	Reject   accountRejectCmd   `cmd:"" help:"Refuse a sign-up that waits."`
	Pending  accountPendingCmd  `cmd:"" help:"List the sign-ups that wait."`
	Role     accountRoleCmd     `cmd:"" help:"Give an account another role."`
	Password accountPasswordCmd `cmd:"" help:"Give an account another password; every session and token ends."`
	Disable  accountDisableCmd  `cmd:"" help:"Keep somebody from signing in."`
	Enable   accountEnableCmd   `cmd:"" help:"Let somebody sign in again."`
	Alias    accountAliasCmd    `cmd:"" help:"Other accounts of the same person."`
	Export   accountExportCmd   `cmd:"" help:"Write a list of an account's as a CSV file that Mastodon reads."`
	Import   accountImportCmd   `cmd:"" help:"Read such a list for an account."`
	Move     accountMoveCmd     `cmd:"" help:"Let an account go on elsewhere, and its followers follow along."`
}

// command opens what a command works with; the server may run meanwhile.
func (e *env) command(do func(a *app.App) error) error {
	a, err := app.New(e.ctx, e.config, app.Options{Roles: "command", Migrate: !e.config.Postgres()})
	if err != nil {
		return err
	}
	defer a.Close()
	return do(a)
}

// user finds the login of a local account.
func user(e *env, a *app.App, name string) (*access.User, error) {
	account, err := a.Accounts.ByAcct(e.ctx, a.DB, name, "")
	if err == nil {
		var u *access.User
		if u, err = a.Access.ByAccount(e.ctx, a.DB, account.ID); err == nil {
			return u, nil
		}
	}
	if errs.IsNotFound(err) {
		return nil, fmt.Errorf("there is no account %s here", name)
	}
	return nil, err
}

func printJSON(e *env, v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type accountCreateCmd struct {
	Name      string `arg:"" help:"The username."`
	Email     string `required:"" help:"The e-mail address."`
	Password  string `help:"The password. Default: one is made and printed."`
	Role      string `enum:"owner,admin,moderator,user" default:"user" help:"owner, admin, moderator or user."`
	Confirmed bool   `help:"Take the e-mail address as confirmed."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run makes an account that needs no approval.
func (c *accountCreateCmd) Run(e *env) error {
	made := c.Password == ""
	if made {
		c.Password = rand.Text()
	}
	return e.command(func(a *app.App) error {
		u, err := a.Access.CreateByAdmin(e.ctx, access.NewByAdmin{Username: c.Name, Email: c.Email, Password: c.Password, Role: c.Role, Confirmed: c.Confirmed})
		if err != nil {
			return err
		}
		if !c.JSON {
			_, err = fmt.Fprintf(e.out, "made @%s@%s\n", c.Name, e.config.LocalDomain)
			if made {
				_, err = fmt.Fprintf(e.out, "password: %s\n", c.Password)
			}
			return err
		}
		out := map[string]any{"id": ids.Format(u.AccountID), "username": c.Name, "acct": c.Name, "email": u.Email, "role": u.Role, "confirmed": u.Confirmed(), "approved": u.Approved}
		if made {
			out["password"] = c.Password
		}
		return printJSON(e, out)
	})
}

type accountApproveCmd struct {
	Name string `arg:"" help:"The username."`
}

// Run lets a waiting sign-up in.
func (c *accountApproveCmd) Run(e *env) error {
	return onUser(e, c.Name, "let in", func(a *app.App, u *access.User) error { return a.Access.Approve(e.ctx, u.ID) })
}

type accountRejectCmd struct {
	Name string `arg:"" help:"The username."`
}

// Run refuses a waiting sign-up.
func (c *accountRejectCmd) Run(e *env) error {
	return onUser(e, c.Name, "refused", func(a *app.App, u *access.User) error { return a.Access.Reject(e.ctx, u.ID) })
}

type accountPendingCmd struct{}

// pendingAtOnce bounds the list; the oldest come first.
const pendingAtOnce = 200

// Run lists waiting sign-ups.
func (*accountPendingCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Access.Pending(e.ctx, a.DB, pendingAtOnce)
		if err != nil {
			return err
		}
		for _, u := range list {
			account, err := a.Accounts.ByID(e.ctx, a.DB, u.AccountID)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(e.out, "%s\t%s\t%q\n", account.Username, u.CreatedAt.Format("2006-01-02 15:04"), u.SignUpReason); err != nil {
				return err
			}
		}
		return nil
	})
}

type accountRoleCmd struct {
	Name string `arg:"" help:"The username."`
	Role string `arg:"" enum:"owner,admin,moderator,user" help:"owner, admin, moderator or user."`
}

// Run changes a role.
func (c *accountRoleCmd) Run(e *env) error {
	return onUser(e, c.Name, "is now "+c.Role, func(a *app.App, u *access.User) error { return a.Access.SetRole(e.ctx, u.ID, c.Role) })
}

type accountPasswordCmd struct {
	Name     string `arg:"" help:"The username."`
	Password string `help:"The new password. Default: one is made and printed."`
}

// Run changes a password.
func (c *accountPasswordCmd) Run(e *env) error {
	what := "has another password"
	if c.Password == "" {
		c.Password = rand.Text()
		what = "has the password " + c.Password
	}
	return onUser(e, c.Name, what, func(a *app.App, u *access.User) error { return a.Access.SetPassword(e.ctx, u.ID, c.Password) })
}

type accountDisableCmd struct {
	Name string `arg:"" help:"The username."`
}

// Run keeps somebody out.
func (c *accountDisableCmd) Run(e *env) error {
	return onUser(e, c.Name, "disabled", func(a *app.App, u *access.User) error { return a.Access.Disable(e.ctx, u.ID, true) })
}

type accountEnableCmd struct {
	Name string `arg:"" help:"The username."`
}

// Run lets somebody in again.
func (c *accountEnableCmd) Run(e *env) error {
	return onUser(e, c.Name, "enabled", func(a *app.App, u *access.User) error { return a.Access.Disable(e.ctx, u.ID, false) })
}

func onUser(e *env, name, done string, do func(*app.App, *access.User) error) error {
	return e.command(func(a *app.App) error {
		u, err := user(e, a, name)
		if err != nil {
			return err
		}
		if err := do(a, u); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "%s %s\n", name, done)
		return err
	})
}

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make an access token for an account."`
}

type tokenCreateCmd struct {
	Name   string `arg:"" help:"The username."`
	Scopes string `required:"" help:"What the token allows, parted by spaces: \"read write follow push\"."`
	JSON   bool   `name:"json" help:"Print JSON; otherwise the token alone."`
}

// Run makes a token.
func (c *tokenCreateCmd) Run(e *env) error {
	scopes, err := access.ParseScopes(c.Scopes)
	if err != nil {
		return err
	}
	return e.command(func(a *app.App) error {
		u, err := user(e, a, c.Name)
		if err != nil {
			return err
		}
		t, err := a.Access.IssueToken(e.ctx, nil, u.ID, scopes)
		if err != nil {
			return err
		}
		if !c.JSON {
			_, err = fmt.Fprintln(e.out, t.Plain)
			return err
		}
		return printJSON(e, map[string]any{"access_token": t.Plain, "token_type": "Bearer", "scope": t.Scopes.String(), "created_at": t.CreatedAt.Unix()})
	})
}

type settingsCmd struct {
	List   settingsListCmd   `cmd:"" help:"List the settings."`
	Set    settingsSetCmd    `cmd:"" help:"Change a setting; running processes follow within seconds."`
	Upload settingsUploadCmd `cmd:"" help:"Set a setting that is a picture."`
}

type settingsUploadCmd struct {
	Name string `arg:"" enum:"thumbnail" help:"thumbnail: what stands for the server when somebody links to it."`
	File string `arg:"" help:"A picture, of 1200×630 pixels or more; - takes the one away that is there."`
}

// Run makes another picture stand for the server.
func (c *settingsUploadCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if c.File == "-" {
			return a.Media.DropThumbnail(e.ctx)
		}
		f, size, err := openPicture(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		return a.Media.PutThumbnail(e.ctx, f, size)
	})
}

type settingsListCmd struct{}

// Run lists the instance's settings.
func (*settingsListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		instance, err := a.Settings.Load(e.ctx, a.DB)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
		for _, d := range settings.Definitions() {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, instance.Value(d.Name), d.Help)
		}
		return w.Flush()
	})
}

type settingsSetCmd struct {
	Name  string `arg:"" help:"The setting, as gomph settings list names it."`
	Value string `arg:"" help:"Its value."`
}

// Run changes one of the instance's settings.
func (c *settingsSetCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return a.Settings.Set(e.ctx, c.Name, c.Value) })
}
