package api

import (
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
)

// TokenInfo is an access token.
type TokenInfo struct {
	ID, AppID, UserID int64
	// AccountID is 0 for the token of an application alone.
	AccountID accounts.ID
	Scopes    Scopes
}

// Scopes are what a token allows.
type Scopes []string

// followScopes are what the old scope "follow" stands for.
var followScopes = []string{"read:blocks", "write:blocks", "read:follows", "write:follows", "read:mutes", "write:mutes"}

// Allows reports whether one of the scopes required is there: itself, by its parent, or by the old scope "follow". It holds
// when nothing is required.
func (s Scopes) Allows(required ...string) bool {
	if len(required) == 0 {
		return true
	}
	for _, want := range required {
		parent, _, _ := strings.Cut(want, ":")
		if rest, ok := strings.CutPrefix(want, "admin:"); ok {
			action, _, _ := strings.Cut(rest, ":")
			parent = "admin:" + action
		}
		if slices.Contains(s, want) || slices.Contains(s, parent) || slices.Contains(followScopes, want) && slices.Contains(s, "follow") {
			return true
		}
	}
	return false
}

// UserInfo is someone's login.
type UserInfo struct {
	ID                 int64
	AccountID          accounts.ID
	Email              string
	ConfirmedAt        time.Time
	Approved, Disabled bool
}
