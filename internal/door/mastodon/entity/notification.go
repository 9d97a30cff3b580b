package entity

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Notification tells someone that something happened.
type Notification struct {
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	GroupKey  string   `json:"group_key"`
	CreatedAt string   `json:"created_at"`
	Account   *Account `json:"account"`
	Status    *Status  `json:"status,omitempty"`
	Filtered  bool     `json:"filtered,omitempty"`
	// Collection is what somebody was added to, or that changed.
	Collection *Collection `json:"collection,omitempty"`
	// Event is what was lost.
	Event *RelationshipSeveranceEvent `json:"event,omitempty"`
	// Fallback describes a type that the app does not know.
	Fallback *NotificationFallback `json:"fallback,omitempty"`
}

// Notifications renders notices for whom they are for, in their order. A notice of a post that cannot be seen any more is
// left out. supported are the types that the app knows, none for all. The number of statements does not grow with the list.
func (r *Renderer) Notifications(ctx context.Context, q db.Q, me accounts.ID, in []*notifications.Notification, supported ...string) ([]Notification, error) {
	out := make([]Notification, 0, len(in))
	var people []accounts.ID
	var posts []statuses.ID
	var lists []collections.ID
	var lost []int64
	for _, n := range in {
		if n.SeveranceID != 0 {
			lost = append(lost, n.SeveranceID)
		}
		people = append(people, n.FromAccountID)
		if n.StatusID != 0 {
			posts = append(posts, n.StatusID)
		}
		if n.CollectionID != 0 {
			lists = append(lists, n.CollectionID)
		}
	}
	found, err := r.Accounts(ctx, q, people)
	if err != nil {
		return nil, err
	}
	list, err := r.Statuses(ctx, q, me, posts, "")
	if err != nil {
		return nil, err
	}
	about, err := r.collectionsOf(ctx, q, me, lists)
	if err != nil {
		return nil, err
	}
	severed, err := r.severed(ctx, q, me, lost)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Status, len(list))
	for _, s := range list {
		byID[s.ID] = s
	}
	for _, n := range in {
		e := Notification{ID: ids.Format(n.ID), Type: n.Type, GroupKey: n.GroupKey, CreatedAt: stamp(n.CreatedAt), Account: found[n.FromAccountID], Filtered: n.Filtered}
		if e.GroupKey == "" {
			e.GroupKey = "ungrouped-" + e.ID
		}
		if n.StatusID != 0 {
			if e.Status = byID[ids.Format(n.StatusID)]; e.Status == nil {
				continue
			}
		}
		if n.CollectionID != 0 {
			if e.Collection = about[n.CollectionID]; e.Collection == nil {
				continue
			}
		}
		if n.SeveranceID != 0 {
			if e.Event = severed[n.SeveranceID]; e.Event == nil {
				continue
			}
		}
		if e.Fallback = Fallback(n.Type, e.Account, 1, supported); e.Account != nil {
			out = append(out, e)
		}
	}
	return out, nil
}

// RelationshipSeveranceEvent is that somebody lost ties to a server.
type RelationshipSeveranceEvent struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Purged    bool   `json:"purged"`
	Target    string `json:"target_name"`
	Followers int64  `json:"followers_count"`
	Following int64  `json:"following_count"`
	CreatedAt string `json:"created_at"`
}

// severed renders what somebody lost.
func (r *Renderer) severed(ctx context.Context, q db.Q, me accounts.ID, list []int64) (map[int64]*RelationshipSeveranceEvent, error) {
	found, err := r.Relations.Severances(ctx, q, me, list)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*RelationshipSeveranceEvent, len(found))
	for id, v := range found {
		out[id] = &RelationshipSeveranceEvent{ids.Format(v.ID), v.Type, false, v.TargetName, v.Followers, v.Following, stamp(v.CreatedAt)}
	}
	return out, nil
}
