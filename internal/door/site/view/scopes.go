package view

import "strings"

// ScopeGroup is what an app may do, in plain words, under one heading.
type ScopeGroup struct {
	Title string
	Icon  string
	Grave bool // reaches beyond the person's own account
	Lines []ScopeLine
}

// ScopeLine explains one scope.
type ScopeLine struct{ Scope, Text string }

// scopeWords are the scopes of Mastodon's API 4.6 that stand for one thing each.
func scopeWords() map[string]string {
	return map[string]string{
		"profile":                            "See your name and picture, nothing else",
		"read":                               "See everything in your account, including private posts and messages",
		"read:accounts":                      "See your profile and settings",
		"read:blocks":                        "See whom you block",
		"read:bookmarks":                     "See your bookmarks",
		"read:collections":                   "See your collections",
		"read:favourites":                    "See what you marked as a favourite",
		"read:filters":                       "See your filters",
		"read:follows":                       "See whom you follow",
		"read:lists":                         "See your lists",
		"read:mutes":                         "See whom you mute",
		"read:notifications":                 "See your notifications",
		"read:search":                        "Search as you",
		"read:statuses":                      "See all your posts and timelines",
		"write":                              "Change everything in your account: post, follow, delete, edit your profile",
		"write:accounts":                     "Change your profile and settings",
		"write:blocks":                       "Block people and servers",
		"write:bookmarks":                    "Add and remove bookmarks",
		"write:collections":                  "Make and change collections",
		"write:conversations":                "Mark conversations as read, mute and delete them",
		"write:favourites":                   "Add and remove favourites",
		"write:filters":                      "Make and change filters",
		"write:follows":                      "Follow and unfollow people",
		"write:lists":                        "Make and change lists",
		"write:media":                        "Upload pictures, video and sound",
		"write:mutes":                        "Mute people and conversations",
		"write:notifications":                "Clear your notifications",
		"write:reports":                      "Report people in your name",
		"write:statuses":                     "Post, edit and delete posts",
		"follow":                             "Follow, block and mute people, and see whom you do",
		"push":                               "Send you push notifications",
		"admin:read":                         "See everything that moderators see on this server",
		"admin:read:accounts":                "See private details of all accounts",
		"admin:read:reports":                 "See all reports and who is reported",
		"admin:read:domain_allows":           "See allowed servers",
		"admin:read:domain_blocks":           "See blocked servers",
		"admin:read:ip_blocks":               "See blocked IP addresses",
		"admin:read:email_domain_blocks":     "See blocked e-mail providers",
		"admin:read:canonical_email_blocks":  "See blocked e-mail addresses",
		"admin:write":                        "Change everything that moderators can on this server",
		"admin:write:accounts":               "Limit, suspend and approve accounts",
		"admin:write:reports":                "Handle reports",
		"admin:write:domain_allows":          "Allow servers",
		"admin:write:domain_blocks":          "Block servers",
		"admin:write:ip_blocks":              "Block IP addresses",
		"admin:write:email_domain_blocks":    "Block e-mail providers",
		"admin:write:canonical_email_blocks": "Block e-mail addresses",
	}
}

// Explain puts scopes into words, grouped by what they allow, gravest last. A scope that its parent already includes
// is left out; one we have no words for is shown by its name, never hidden.
func Explain(scopes []string) []ScopeGroup {
	words := scopeWords()
	asked := make(map[string]bool, len(scopes))
	for _, s := range scopes {
		asked[s] = true
	}
	groups := []ScopeGroup{
		{Title: "Read", Icon: "eye"},
		{Title: "Change", Icon: "pencil"},
		{Title: "Notify", Icon: "bell"},
		{Title: "Moderate this server", Icon: "shield", Grave: true},
		{Title: "Other", Icon: "key"},
	}
	seen := make(map[string]bool, len(scopes))
	for _, s := range scopes {
		if seen[s] || coveredByParent(s, asked) {
			continue
		}
		seen[s] = true
		text, known := words[s]
		if !known {
			text = "Something this server has no words for"
		}
		g := &groups[scopeGroup(s, known)]
		g.Lines = append(g.Lines, ScopeLine{Scope: s, Text: text})
	}
	kept := groups[:0]
	for _, g := range groups {
		if len(g.Lines) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

// coveredByParent: "admin:read" includes "admin:read:reports", "write" includes "write:media", and who reads the account
// sees its profile.
func coveredByParent(scope string, asked map[string]bool) bool {
	if scope == "profile" {
		return asked["read"] || asked["read:accounts"]
	}
	for i := strings.LastIndexByte(scope, ':'); i > 0; i = strings.LastIndexByte(scope[:i], ':') {
		if asked[scope[:i]] {
			return true
		}
	}
	return false
}

func scopeGroup(scope string, known bool) int {
	root, _, _ := strings.Cut(scope, ":")
	switch {
	case root == "admin":
		return 3
	case !known:
		return 4
	case root == "read", root == "profile":
		return 0
	case root == "push":
		return 2
	}
	return 1
}
