package access

import (
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/kit/errs"
)

// Scopes are what a token allows, as in "read write:statuses".
type Scopes []string

// DefaultScope is what who asks for nothing gets.
const DefaultScope = "read"

// maxScopes bounds the text that scopes are read from: all of them together are below it.
const maxScopes = 2000

// KnownScopes lists every scope there is (Mastodon 4.6), parents before their children.
func KnownScopes() Scopes {
	return Scopes{
		"read", "profile", "write",
		"write:accounts", "write:blocks", "write:bookmarks", "write:collections", "write:conversations", "write:favourites", "write:filters",
		"write:follows", "write:lists", "write:media", "write:mutes", "write:notifications", "write:reports", "write:statuses",
		"read:accounts", "read:blocks", "read:bookmarks", "read:collections", "read:favourites", "read:filters", "read:follows", "read:lists",
		"read:mutes", "read:notifications", "read:search", "read:statuses",
		"follow", "push",
		"admin:read", "admin:read:accounts", "admin:read:reports", "admin:read:domain_allows", "admin:read:domain_blocks", "admin:read:ip_blocks",
		"admin:read:email_domain_blocks", "admin:read:canonical_email_blocks",
		"admin:write", "admin:write:accounts", "admin:write:reports", "admin:write:domain_allows", "admin:write:domain_blocks", "admin:write:ip_blocks",
		"admin:write:email_domain_blocks", "admin:write:canonical_email_blocks",
	}
}

// ParseScopes reads scopes that are parted by spaces. Doubles are dropped, unknown names refused (OAU-04).
func ParseScopes(s string) (Scopes, error) {
	bad := errs.Invalid("The requested scope is invalid, unknown, or malformed.")
	if len(s) > maxScopes {
		return nil, bad
	}
	known := KnownScopes()
	var out Scopes
	for name := range strings.SplitSeq(s, " ") {
		switch {
		case name == "" || slices.Contains(out, name):
		case !slices.Contains(known, name):
			return nil, bad
		default:
			out = append(out, name)
		}
	}
	return out, nil
}

// String is how scopes are stored and shown.
func (s Scopes) String() string { return strings.Join(s, " ") }

// Allows reports whether one of the required scopes is held, by itself or by a parent; none required is always held.
func (s Scopes) Allows(required ...string) bool {
	return len(required) == 0 || slices.ContainsFunc(required, s.holds)
}

func (s Scopes) holds(required string) bool {
	if slices.Contains(s, "follow") && followCovers(required) {
		return true
	}
	for name := required; ; {
		if slices.Contains(s, name) {
			return true
		}
		i := strings.LastIndexByte(name, ':')
		if i < 0 || name[:i] == "admin" {
			break
		}
		name = name[:i]
	}
	// Who reads the account sees its profile.
	return required == "profile" && s.Allows("read:accounts")
}

// followCovers are the scopes that the old scope "follow" stands for.
func followCovers(scope string) bool {
	switch scope {
	case "read:blocks", "read:follows", "read:mutes", "write:blocks", "write:follows", "write:mutes":
		return true
	}
	return false
}

// Within reports whether every scope of s is held by limit.
func (s Scopes) Within(limit Scopes) bool {
	for _, name := range s {
		if !slices.Contains(limit, name) && !limit.holds(name) {
			return false
		}
	}
	return true
}

// Admin reports whether a scope reaches beyond the person's own account.
func (s Scopes) Admin() bool {
	return slices.ContainsFunc(s, func(name string) bool { return strings.HasPrefix(name, "admin:") })
}
