package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/gomph/gomph/internal/domain/access"
)

// firstOwner is the name of the login that an empty server makes for its owner.
const firstOwner = "owner"

// firstStart makes the owner's login on a server without any, and prints it once.
func (a *App) firstStart(ctx context.Context, out io.Writer) error {
	if _, err := a.Federation.EnsureInstanceActor(ctx); err != nil {
		return fmt.Errorf("making the server's own actor: %w", err)
	}
	has, err := a.Access.Any(ctx, a.DB)
	if err != nil || has {
		return err
	}
	password := rand.Text()
	email := firstOwner + "@" + a.mailDomain()
	u, err := a.Access.CreateByAdmin(ctx, access.NewByAdmin{Username: firstOwner, Email: email, Password: password, Role: access.Owner, Confirmed: true})
	if err != nil {
		return fmt.Errorf("making the owner's login: %w", err)
	}
	_, err = fmt.Fprintf(out, "\n  This server is new. Its owner signs in at %s with\n\n    e-mail    %s\n    password  %s\n\n  This is shown once. Change both after signing in, under Settings.\n\n",
		a.Site.URL("/auth/sign_in"), u.Email, password)
	return err
}
