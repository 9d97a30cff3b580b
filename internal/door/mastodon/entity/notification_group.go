package entity

import (
	"context"
	"slices"
	"strconv"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// NotificationFallback describes a notice in words, for apps that do not know its type.
type NotificationFallback struct {
	Title       string `json:"title"`
	Summary     string `json:"summary"`
	Description string `json:"description"`
}

// NotificationGroup is what happened several times, or once.
type NotificationGroup struct {
	GroupKey string `json:"group_key"`
	Count    int64  `json:"notifications_count"`
	Type     string `json:"type"`
	// MostRecentID is a number, as Mastodon's is.
	MostRecentID int64       `json:"most_recent_notification_id"`
	PageMinID    string      `json:"page_min_id,omitempty"`
	PageMaxID    string      `json:"page_max_id,omitempty"`
	LatestAt     string      `json:"latest_page_notification_at,omitempty"`
	SampleIDs    []string    `json:"sample_account_ids"`
	StatusID     *string     `json:"status_id,omitempty"`
	Collection   *Collection `json:"collection,omitempty"`
	// Event is what was lost.
	Event        *RelationshipSeveranceEvent `json:"event,omitempty"`
	AnnualReport *AnnualReportEvent          `json:"annual_report,omitempty"`
	Fallback     *NotificationFallback       `json:"fallback,omitempty"`
}

// PartialAccountWithAvatar is as much of an account as a row of faces needs.
type PartialAccountWithAvatar struct {
	ID                string `json:"id"`
	Acct              string `json:"acct"`
	Locked            bool   `json:"locked"`
	Bot               bool   `json:"bot"`
	URL               string `json:"url"`
	Avatar            string `json:"avatar"`
	AvatarStatic      string `json:"avatar_static"`
	AvatarDescription string `json:"avatar_description"`
}

// GroupedNotificationsResults is a page of groups with the accounts and posts in them, each once.
type GroupedNotificationsResults struct {
	Accounts        []*Account                  `json:"accounts"`
	PartialAccounts *[]PartialAccountWithAvatar `json:"partial_accounts,omitempty"`
	Statuses        []*Status                   `json:"statuses"`
	Groups          []NotificationGroup         `json:"notification_groups"`
}

// GroupOptions say how groups are rendered.
type GroupOptions struct {
	// Partial gives only the first account of each group as a whole, of the others what a row of faces needs.
	Partial bool
	// Paged adds the bounds within the page.
	Paged bool
	// Supported are the types that the app knows; nil for all.
	Supported []string
}

// Groups renders groups for whom they are for, in their order. A group of a post that cannot be seen any more is left out. The number of
// statements does not grow with the list.
func (r *Renderer) Groups(ctx context.Context, q db.Q, me accounts.ID, in []*notifications.Group, o GroupOptions) (GroupedNotificationsResults, error) {
	out := GroupedNotificationsResults{Accounts: []*Account{}, Statuses: []*Status{}, Groups: []NotificationGroup{}}
	var people, whole []accounts.ID
	var posts []statuses.ID
	var lists []collections.ID
	var lost []int64
	for _, g := range in {
		if g.SeveranceID != 0 {
			lost = append(lost, g.SeveranceID)
		}
		whole = append(whole, g.Sample[0])
		people = append(people, g.Sample...)
		if g.StatusID != 0 && !slices.Contains(posts, g.StatusID) {
			posts = append(posts, g.StatusID)
		}
		if g.CollectionID != 0 {
			lists = append(lists, g.CollectionID)
		}
	}
	found, err := r.Accounts(ctx, q, people)
	if err != nil {
		return out, err
	}
	if out.Statuses, err = r.Statuses(ctx, q, me, posts, "notifications"); err != nil {
		return out, err
	}
	about, err := r.collectionsOf(ctx, q, me, lists)
	if err != nil {
		return out, err
	}
	severed, err := r.severed(ctx, q, me, lost)
	if err != nil {
		return out, err
	}
	shown := map[string]bool{}
	for _, s := range out.Statuses {
		shown[s.ID] = true
	}
	for _, g := range in {
		if e, ok := groupOf(g, found, o); ok && (g.StatusID == 0 || shown[*e.StatusID]) && (g.CollectionID == 0 || about[g.CollectionID] != nil) && (g.SeveranceID == 0 || severed[g.SeveranceID] != nil) {
			e.Event = severed[g.SeveranceID]
			e.Collection = about[g.CollectionID]
			out.Groups = append(out.Groups, e)
		}
	}
	if o.Partial {
		out.PartialAccounts = &[]PartialAccountWithAvatar{}
	}
	seen := map[accounts.ID]bool{}
	for _, id := range people {
		a := found[id]
		switch {
		case a == nil || seen[id]:
		case o.Partial && !slices.Contains(whole, id):
			*out.PartialAccounts = append(*out.PartialAccounts, partial(a))
		default:
			out.Accounts = append(out.Accounts, a)
		}
		seen[id] = true
	}
	return out, nil
}

func groupOf(g *notifications.Group, found map[accounts.ID]*Account, o GroupOptions) (NotificationGroup, bool) {
	e := NotificationGroup{GroupKey: g.Key, Count: g.Count, Type: g.Type, MostRecentID: g.MostRecentID, SampleIDs: []string{}}
	for _, id := range g.Sample {
		if found[id] != nil {
			e.SampleIDs = append(e.SampleIDs, ids.Format(id))
		}
	}
	if len(e.SampleIDs) == 0 {
		return e, false
	}
	if o.Paged {
		e.PageMinID, e.PageMaxID, e.LatestAt = ids.Format(g.PageMinID), ids.Format(g.PageMaxID), stamp(g.LatestAt)
	}
	if g.StatusID != 0 {
		e.StatusID = new(ids.Format(g.StatusID))
	}
	if g.Year != 0 {
		e.AnnualReport = &AnnualReportEvent{g.Year}
	}
	e.Fallback = Fallback(g.Type, found[g.Sample[0]], g.Count, o.Supported)
	return e, true
}

func partial(a *Account) PartialAccountWithAvatar {
	e := PartialAccountWithAvatar{ID: a.ID, Acct: a.Acct, Locked: a.Locked, Bot: a.Bot, Avatar: a.Avatar, AvatarStatic: a.AvatarStatic, AvatarDescription: a.AvatarDescription}
	if a.URL != nil {
		e.URL = *a.URL
	}
	return e
}

// Fallback describes a notice of a type that is not among those that the app says it supports; nil if it is, or the app says nothing.
func Fallback(kind string, from *Account, count int64, supported []string) *NotificationFallback {
	if len(supported) == 0 || slices.Contains(supported, kind) || from == nil {
		return nil
	}
	title := Told(kind, from.DisplayName, from.Username, count)
	if title == "" {
		return nil
	}
	summary := Told(kind, "", "@"+from.Acct, count)
	return &NotificationFallback{Title: title, Summary: summary, Description: summary}
}

// NotificationPolicy says what becomes of notices from some kinds of senders.
type NotificationPolicy struct {
	NotFollowing    notifications.Verdict `json:"for_not_following"`
	NotFollowers    notifications.Verdict `json:"for_not_followers"`
	NewAccounts     notifications.Verdict `json:"for_new_accounts"`
	PrivateMentions notifications.Verdict `json:"for_private_mentions"`
	LimitedAccounts notifications.Verdict `json:"for_limited_accounts"`
	Bots            notifications.Verdict `json:"for_bots"`
	Summary         PolicySummary         `json:"summary"`
}

// PolicySummary counts what is kept apart.
type PolicySummary struct {
	Requests int64 `json:"pending_requests_count"`
	Notices  int64 `json:"pending_notifications_count"`
}

// V1NotificationPolicy is the older form, which knows no dropping.
type V1NotificationPolicy struct {
	NotFollowing    bool          `json:"filter_not_following"`
	NotFollowers    bool          `json:"filter_not_followers"`
	NewAccounts     bool          `json:"filter_new_accounts"`
	PrivateMentions bool          `json:"filter_private_mentions"`
	Bots            bool          `json:"filter_bots"`
	Summary         PolicySummary `json:"summary"`
}

// NotificationRequest is a sender whose mentions are kept apart.
type NotificationRequest struct {
	ID         string   `json:"id"`
	CreatedAt  string   `json:"created_at"`
	UpdatedAt  string   `json:"updated_at"`
	Count      string   `json:"notifications_count"`
	Account    *Account `json:"account"`
	LastStatus *Status  `json:"last_status"`
}

// Requests renders requests for whom they are for, in their order. The number of statements does not grow with the list.
func (r *Renderer) Requests(ctx context.Context, q db.Q, me accounts.ID, in []*notifications.Request) ([]NotificationRequest, error) {
	var people []accounts.ID
	var posts []statuses.ID
	for _, n := range in {
		people, posts = append(people, n.FromAccountID), append(posts, n.LastStatusID)
	}
	found, err := r.Accounts(ctx, q, people)
	if err != nil {
		return nil, err
	}
	list, err := r.Statuses(ctx, q, me, posts, "notifications")
	if err != nil {
		return nil, err
	}
	byID := map[string]*Status{}
	for _, s := range list {
		byID[s.ID] = s
	}
	out := []NotificationRequest{}
	for _, n := range in {
		if a := found[n.FromAccountID]; a != nil {
			out = append(out, NotificationRequest{ID: ids.Format(n.ID), CreatedAt: stamp(n.CreatedAt), UpdatedAt: stamp(n.UpdatedAt), Count: strconv.FormatInt(n.Count, 10),
				Account: a, LastStatus: byID[ids.Format(n.LastStatusID)]})
		}
	}
	return out, nil
}
