package entity

import (
	"strconv"

	"github.com/gomph/gomph/internal/domain/notifications"
)

// WebPushSubscription is where an app is told of notices while it is closed.
type WebPushSubscription struct {
	// ID is a number, as Mastodon's is.
	ID        int64           `json:"id"`
	Endpoint  string          `json:"endpoint"`
	Standard  bool            `json:"standard"`
	Alerts    map[string]bool `json:"alerts"`
	ServerKey string          `json:"server_key"`
	Policy    string          `json:"policy"`
}

// Alerts says of every type whether it is wanted.
func Alerts(wanted map[string]bool) map[string]bool {
	out := map[string]bool{"admin.report": false}
	for _, kind := range notifications.Types {
		out[kind] = wanted[kind]
	}
	return out
}

// happened says what somebody did, by type.
var happened = map[string]string{
	notifications.Mention: "mentioned you", notifications.Status: "posted", notifications.Reblog: "boosted your post", notifications.Follow: "followed you",
	notifications.FollowRequest: "asked to follow you", notifications.Favourite: "favourited your post", notifications.Poll: "ran a poll that has ended",
	notifications.Update: "edited a post that you boosted", notifications.SignUp: "signed up",
	notifications.Quote: "quoted your post", notifications.QuotedUpdate: "edited a post that you quoted",
	notifications.AddedToCollection: "added you to a collection", notifications.CollectionUpdate: "changed a collection that you are in",
	notifications.AnnualReport:         "can look back at the year",
	notifications.SeveredRelationships: "lost followers, or people they followed",
}

// Told puts a notice of some people's act into words; "" for a type without any.
func Told(kind, displayName, username string, count int64) string {
	if happened[kind] == "" {
		return ""
	}
	if displayName == "" {
		displayName = username
	}
	if count > 1 {
		displayName += " and " + strconv.FormatInt(count-1, 10) + " more"
	}
	return displayName + " " + happened[kind]
}
