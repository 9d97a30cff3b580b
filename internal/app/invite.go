package app

import (
	"context"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/errs"
)

// followInviter lets whoever came by an invitation follow the one who made it.
func (a *App) followInviter(ctx context.Context, e access.Invited) error {
	by, err := a.Accounts.ByID(ctx, a.DB, e.AccountID)
	if err == nil {
		to, found := a.Accounts.ByID(ctx, a.DB, e.InviterID)
		if err = found; err == nil && !to.Suspended() {
			err = a.Relations.Follow(ctx, by, to, relations.FollowOptions{})
		}
	}
	if kind := errs.KindOf(err); kind != errs.Internal {
		return nil // one of the two is gone, or does not want it
	}
	return err
}
