package stream

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// names are the streams that there are.
var names = []string{
	"user", "user:notification", "public", "public:media", "public:local", "public:local:media", "public:remote", "public:remote:media",
	"hashtag", "hashtag:local", "list", "direct",
}

// nameOfPath is the stream that a path of server-sent events means, ” for none.
func nameOfPath(path string, onlyMedia bool) string {
	name := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ":")
	if strings.HasPrefix(name, "public") && !strings.HasSuffix(name, "media") && onlyMedia {
		name += ":media"
	}
	if strings.HasSuffix(path, "/media") || !slices.Contains(names, name) {
		return ""
	}
	return name
}

// wanted is a stream that a client asks for, as checked.
type wanted struct {
	// name is the stream's; label is how frames name it, as JSON: ["hashtag","cats"].
	name, label string
	// topics are what the hub is asked for; together they are the subscription's identity.
	topics []string
}

func (w wanted) key() string { return strings.Join(w.topics, "\n") }

// tagTopic is the topic of a hashtag; its name is normalized.
func tagTopic(name string, local bool) string {
	if local {
		return "tag:local:" + name
	}
	return "tag:" + name
}

// want checks what a client asks for: the stream is there, the token allows it, and a list is its own.
func (s *Server) want(ctx context.Context, who caller, name, tag, list string) (wanted, error) {
	if !slices.Contains(names, name) {
		return wanted{}, malformed("Unknown channel requested")
	}
	need := "read:statuses"
	if name == "user:notification" {
		need = "read:notifications"
	}
	if !who.scopes.Allows("read", need) {
		return wanted{}, unauthorized("Access token does not have the required scopes")
	}
	w := wanted{name: name, label: label(name)}
	switch name {
	case "user":
		w.topics = []string{feeds.HomeChannel(who.account), announcements.Channel}
		if who.scopes.Allows("read:notifications") {
			w.topics = append(w.topics, notifications.Channel(who.account))
		}
	case "user:notification":
		w.topics = []string{notifications.Channel(who.account)}
	case "direct":
		w.topics = []string{feeds.DirectChannel(who.account)}
	case "hashtag", "hashtag:local":
		normal := text.NormalizeTag(tag)
		if normal == "" {
			return wanted{}, malformed("Missing tag name parameter")
		}
		w.topics, w.label = []string{tagTopic(normal, name == "hashtag:local")}, label(name, tag)
	case "list":
		if list == "" {
			return wanted{}, malformed("Missing list name parameter")
		}
		if err := s.ownList(ctx, who.account, list); err != nil {
			return wanted{}, err
		}
		w.topics, w.label = []string{"list:" + list}, label(name, list)
	default:
		w.topics = []string{name}
	}
	return w, nil
}

func (s *Server) ownList(ctx context.Context, me accounts.ID, list string) error {
	refused := unauthorized("Not authorized to stream this list")
	id, err := ids.Parse(list)
	if err != nil || ids.Format(id) != list {
		return refused
	}
	_, err = s.Relations.ListByID(ctx, s.DB, me, id)
	if errs.IsNotFound(err) {
		return refused
	}
	return err
}

func label(parts ...string) string {
	b, _ := json.Marshal(parts) // strings always encode
	return string(b)
}

// channelOf is the channel of the bus that a topic's events come by.
func channelOf(topic string) string {
	if strings.HasPrefix(topic, "public") || strings.HasPrefix(topic, "tag:") {
		return feeds.PublicChannel
	}
	return topic
}

// topicsOf are the topics of a message on the public channel. An answer to somebody else is on hashtags' streams alone.
func topicsOf(m *feeds.Message) []string {
	var out []string
	if !m.Reply {
		where := "public:remote"
		if m.Local {
			where = "public:local"
		}
		out = append(out, "public", where)
		if m.Media {
			out = append(out, "public:media", where+":media")
		}
	}
	for _, t := range m.Tags {
		out = append(out, tagTopic(t, false))
		if m.Local {
			out = append(out, tagTopic(t, true))
		}
	}
	return out
}
