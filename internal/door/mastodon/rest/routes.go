package rest

import (
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/door/mastodon/api"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// shared is for how long a proxy may keep what everybody sees alike.
const shared = 3 * time.Minute

// deprecatedIn is when Mastodon released the version that made something old.
var (
	deprecatedIn3_4 = time.Date(2021, 5, 16, 0, 0, 0, 0, time.UTC)
	deprecatedIn3_5 = time.Date(2022, 3, 30, 0, 0, 0, 0, time.UTC)
	deprecatedIn4_0 = time.Date(2022, 11, 14, 0, 0, 0, 0, time.UTC)
	deprecatedIn4_6 = time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
)

// Routes is every endpoint of this package. Its auth, scopes and verbs are those of testdata/mastodon-api/endpoints.tsv; a
// test compares them. An endpoint that is not here answers 404.
func (a *API) Routes() []api.Route {
	var all []api.Route
	for _, part := range [][]api.Route{a.accountRoutes(), a.profileRoutes(), a.featuredRoutes(), a.collectionRoutes(), a.statusRoutes(), a.scheduledRoutes(), a.timelineRoutes(), a.noticeRoutes(), a.pushRoutes(), a.tagRoutes(), a.peopleRoutes(), a.translationRoutes(), a.linkRoutes(), a.trendRoutes(), a.announcementRoutes(), a.annualRoutes(), a.listRoutes(), a.filterRoutes(), a.instanceRoutes(), a.paperRoutes(), a.moderationRoutes()} {
		all = append(all, part...)
	}
	return all
}

func scopes(s ...string) []string { return s }

func (a *API) accountRoutes() []api.Route {
	user := func(method, pattern, scope, limit string, h api.Handler) api.Route {
		return api.Route{Method: method, Pattern: pattern, Auth: api.User, Scopes: scopes(scope), Limit: limit, Handler: h}
	}
	anyone := func(pattern, scope string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.Optional, Scopes: scopes(scope), Handler: h}
	}
	const one = "/api/v1/accounts/{id}"
	return []api.Route{
		anyone("/api/v1/accounts", "read:accounts", a.accountsByID),
		anyone(one, "read:accounts", a.showAccount),
		anyone("/api/v1/accounts/lookup", "read:accounts", a.lookupAccount),
		user(get, "/api/v1/accounts/relationships", "read:follows", "", a.relationships),
		user(get, "/api/v1/accounts/familiar_followers", "read:follows", "", a.familiarFollowers),
		user(get, "/api/v1/accounts/search", "read:accounts", "", a.searchAccounts),
		anyone(one+"/statuses", "read:statuses", a.accountStatuses),
		anyone(one+"/followers", "read:accounts", a.followers),
		anyone(one+"/following", "read:accounts", a.following),
		user(get, one+"/lists", "read:lists", "", a.accountLists),
		user(post, one+"/follow", "write:follows", api.LimitFollows, a.follow),
		user(post, one+"/unfollow", "write:follows", "", a.act(a.unfollow)),
		user(post, one+"/remove_from_followers", "write:follows", "", a.act(a.removeFromFollowers)),
		user(post, one+"/block", "write:blocks", "", a.act(a.block)),
		user(post, one+"/unblock", "write:blocks", "", a.act(a.unblock)),
		user(post, one+"/mute", "write:mutes", "", a.act(a.mute)),
		user(post, one+"/unmute", "write:mutes", "", a.act(a.unmute)),
		user(post, one+"/note", "write:accounts", "", a.act(a.note)),
		user(get, "/api/v1/blocks", "read:blocks", "", a.blocks),
		user(get, "/api/v1/mutes", "read:mutes", "", a.mutes),
		user(get, "/api/v1/domain_blocks", "read:blocks", "", a.domainBlocks),
		user(post, "/api/v1/domain_blocks", "write:blocks", "", a.blockDomain),
		user(remove, "/api/v1/domain_blocks", "write:blocks", "", a.unblockDomain),
		user(get, "/api/v1/follow_requests", "read:follows", "", a.followRequests),
		user(post, "/api/v1/follow_requests/{id}/authorize", "write:follows", "", a.act(a.authorizeFollow)),
		user(post, "/api/v1/follow_requests/{id}/reject", "write:follows", "", a.act(a.rejectFollow)),
		{Method: get, Pattern: "/api/v2/search", Auth: api.Optional, Scopes: scopes("read:search"), Handler: a.search},
	}
}

func (a *API) profileRoutes() []api.Route {
	return []api.Route{
		{Method: get, Pattern: "/api/v1/accounts/verify_credentials", Auth: api.User, Scopes: scopes("profile", "read:accounts"), Handler: a.verifyCredentials},
		{Method: patch, Pattern: "/api/v1/accounts/update_credentials", Auth: api.User, Scopes: scopes("write:accounts"), MaxFile: maxProfileUpload, Handler: a.updateCredentials},
		{Method: get, Pattern: "/api/v1/profile", Auth: api.User, Scopes: scopes("profile", "read:accounts"), Handler: a.profile},
		{Method: patch, Pattern: "/api/v1/profile", Auth: api.User, Scopes: scopes("write:accounts"), MaxFile: maxProfileUpload, Handler: a.updateProfile},
		{Method: remove, Pattern: "/api/v1/profile/avatar", Auth: api.User, Scopes: scopes("write:accounts"), Handler: a.deleteImage(accounts.Profile{Avatar: new(""), AvatarDescription: new("")})},
		{Method: remove, Pattern: "/api/v1/profile/header", Auth: api.User, Scopes: scopes("write:accounts"), Handler: a.deleteImage(accounts.Profile{Header: new(""), HeaderDescription: new("")})},
		{Method: get, Pattern: "/api/v1/preferences", Auth: api.User, Scopes: scopes("read:accounts"), Handler: a.preferences},
		{Method: get, Pattern: "/api/v1/markers", Auth: api.User, Scopes: scopes("read:statuses"), Handler: a.markers},
		{Method: post, Pattern: "/api/v1/markers", Auth: api.User, Scopes: scopes("write:statuses"), Handler: a.setMarkers},
		{Method: post, Pattern: "/api/v1/media", Auth: api.User, Scopes: scopes("write:media"), Limit: api.LimitMedia, MaxFile: maxUpload, Handler: a.uploadMedia(true)},
		{Method: post, Pattern: "/api/v2/media", Auth: api.User, Scopes: scopes("write:media"), Limit: api.LimitMedia, MaxFile: maxUpload, Handler: a.uploadMedia(false)},
		{Method: get, Pattern: "/api/v1/media/{id}", Auth: api.User, Scopes: scopes("write:media"), Handler: a.showMedia},
		{Method: put, Pattern: "/api/v1/media/{id}", Auth: api.User, Scopes: scopes("write:media"), Handler: a.updateMedia},
		{Method: remove, Pattern: "/api/v1/media/{id}", Auth: api.User, Scopes: scopes("write:media"), Handler: a.deleteMedia},
	}
}

func (a *API) statusRoutes() []api.Route {
	const one = "/api/v1/statuses/{id}"
	anyone := func(pattern, scope string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.Optional, Scopes: scopes(scope), Handler: h}
	}
	act := func(name, scope string, h api.Handler) api.Route {
		return api.Route{Method: post, Pattern: one + "/" + name, Auth: api.User, Scopes: scopes(scope), Handler: h}
	}
	undo := act("unreblog", "write:statuses", a.on(a.unreblog))
	undo.Limit = api.LimitDelete
	return []api.Route{
		anyone("/api/v1/statuses", "read:statuses", a.statusesByID),
		{Method: post, Pattern: "/api/v1/statuses", Auth: api.User, Scopes: scopes("write:statuses"), Limit: api.LimitStatuses, Handler: a.postStatus},
		anyone(one, "read:statuses", a.showOneStatus),
		{Method: put, Pattern: one, Auth: api.User, Scopes: scopes("write:statuses"), Limit: api.LimitStatuses, Handler: a.editStatus},
		{Method: remove, Pattern: one, Auth: api.User, Scopes: scopes("write:statuses"), Limit: api.LimitDelete, Handler: a.deleteStatus},
		anyone(one+"/context", "read:statuses", a.statusContext),
		{Method: get, Pattern: "/api/v1_alpha/async_refreshes/{id}", Auth: api.User, Scopes: scopes("read"), Handler: a.asyncRefresh},
		anyone(one+"/history", "read:statuses", a.statusHistory),
		{Method: get, Pattern: one + "/source", Auth: api.App, Scopes: scopes("read:statuses"), Handler: a.statusSource},
		anyone(one+"/reblogged_by", "read:accounts", a.by(a.rebloggedBy)),
		anyone(one+"/favourited_by", "read:accounts", a.by(a.favouritedBy)),
		act("reblog", "write:statuses", a.reblog), undo,
		act("favourite", "write:favourites", a.on(a.favourite)), act("unfavourite", "write:favourites", a.on(a.unfavourite)),
		act("bookmark", "write:bookmarks", a.on(a.bookmark(true))), act("unbookmark", "write:bookmarks", a.on(a.bookmark(false))),
		act("pin", "write:accounts", a.on(a.pin(true))), act("unpin", "write:accounts", a.on(a.pin(false))),
		act("mute", "write:mutes", a.on(a.muteConversation(true))), act("unmute", "write:mutes", a.on(a.muteConversation(false))),
		{Method: get, Pattern: one + "/quotes", Auth: api.App, Scopes: scopes("read:statuses"), Handler: a.quotes},
		act("quotes/{quoting_status_id}/revoke", "write:statuses", a.revokeQuote),
		{Method: put, Pattern: one + "/interaction_policy", Auth: api.User, Scopes: scopes("write:statuses"), Handler: a.setInteractionPolicy},
		anyone("/api/v1/polls/{id}", "read:statuses", a.showPoll),
		{Method: post, Pattern: "/api/v1/polls/{id}/votes", Auth: api.User, Scopes: scopes("write:statuses"), Handler: a.vote},
	}
}

func (a *API) timelineRoutes() []api.Route {
	user := func(method, pattern, scope string, h api.Handler) api.Route {
		return api.Route{Method: method, Pattern: pattern, Auth: api.User, Scopes: scopes(scope), Handler: h}
	}
	return []api.Route{
		user(get, "/api/v1/timelines/home", "read:statuses", a.homeTimeline),
		user(get, "/api/v1/timelines/list/{list_id}", "read:lists", a.listTimeline),
		{Method: get, Pattern: "/api/v1/timelines/public", Auth: api.Optional, Scopes: scopes("read:statuses"), Handler: a.publicTimeline},
		{Method: get, Pattern: "/api/v1/timelines/tag/{hashtag}", Auth: api.Optional, Scopes: scopes("read:statuses"), Handler: a.tagTimeline},
		{Method: get, Pattern: "/api/v1/tags/{name}", Auth: api.Optional, Handler: a.showTag},
		user(get, "/api/v1/favourites", "read:favourites", a.favourites),
		user(get, "/api/v1/bookmarks", "read:bookmarks", a.bookmarks),
		user(get, "/api/v1/notifications", "read:notifications", a.notifications),
		user(get, "/api/v1/notifications/unread_count", "read:notifications", a.unreadNotifications),
		user(get, "/api/v1/notifications/{id}", "read:notifications", a.showNotification),
		user(post, "/api/v1/notifications/clear", "write:notifications", a.clearNotifications),
		user(post, "/api/v1/notifications/{id}/dismiss", "write:notifications", a.dismissNotification),

		user(get, "/api/v1/conversations", "read:statuses", a.conversations),
		user(remove, "/api/v1/conversations/{id}", "write:conversations", a.deleteConversation),
		user(post, "/api/v1/conversations/{id}/read", "write:conversations", a.readConversation(false)),
		user(post, "/api/v1/conversations/{id}/unread", "write:conversations", a.readConversation(true)),
	}
}

func (a *API) listRoutes() []api.Route {
	route := func(method, pattern string, h api.Handler) api.Route {
		scope := "write:lists"
		if method == get {
			scope = "read:lists"
		}
		return api.Route{Method: method, Pattern: "/api/v1/lists" + pattern, Auth: api.User, Scopes: scopes(scope), Handler: h}
	}
	return []api.Route{
		route(get, "", a.lists), route(post, "", a.createList),
		route(get, "/{id}", a.showList), route(put, "/{id}", a.updateList), route(remove, "/{id}", a.deleteList),
		route(get, "/{id}/accounts", a.listAccounts), route(post, "/{id}/accounts", a.addToList), route(remove, "/{id}/accounts", a.removeFromList),
	}
}

func (a *API) filterRoutes() []api.Route {
	route := func(method, pattern string, h api.Handler) api.Route {
		r := api.Route{Method: method, Pattern: "/api" + pattern, Auth: api.User, Scopes: scopes("write:filters"), Handler: h}
		if method == get {
			r.Scopes = scopes("read:filters")
		}
		return r
	}
	old := func(method, pattern string, h api.Handler) api.Route {
		r := route(method, "/v1/filters"+pattern, h)
		r.Deprecated = deprecatedIn4_0
		return r
	}
	return []api.Route{
		route(get, "/v2/filters", a.filters), route(post, "/v2/filters", a.createFilter),
		route(get, "/v2/filters/{id}", a.showFilter), route(put, "/v2/filters/{id}", a.updateFilter), route(remove, "/v2/filters/{id}", a.deleteFilter),
		route(get, "/v2/filters/{filter_id}/keywords", a.filterKeywords), route(post, "/v2/filters/{filter_id}/keywords", a.addFilterKeyword),
		route(get, "/v2/filters/{filter_id}/statuses", a.filterStatuses), route(post, "/v2/filters/{filter_id}/statuses", a.addFilterStatus),
		route(get, "/v2/filters/keywords/{id}", a.showFilterKeyword), route(put, "/v2/filters/keywords/{id}", a.updateFilterKeyword), route(remove, "/v2/filters/keywords/{id}", a.deleteFilterKeyword),
		route(get, "/v2/filters/statuses/{id}", a.showFilterStatus), route(remove, "/v2/filters/statuses/{id}", a.deleteFilterStatus),
		old(get, "", a.v1Filters), old(post, "", a.createV1Filter), old(get, "/{id}", a.showV1Filter), old(put, "/{id}", a.updateV1Filter), old(remove, "/{id}", a.deleteV1Filter),
	}
}

func (a *API) instanceRoutes() []api.Route {
	public := func(pattern string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.None, Shared: shared, About: true, Handler: h}
	}
	old := public("/api/v1/instance", a.v1Instance)
	old.Deprecated = deprecatedIn4_0
	return []api.Route{
		old,
		public("/api/v2/instance", a.instance),
		public("/api/v1/instance/rules", a.rules),
		public("/api/v1/instance/peers", a.peers),
		public("/api/v1/instance/extended_description", a.extendedDescription),
		public("/api/v1/instance/privacy_policy", a.privacyPolicy),
		{Method: get, Pattern: "/api/v1/instance/domain_blocks", Auth: api.Optional, Shared: shared, About: true, Handler: a.domainBlocksHere},
		{Method: get, Pattern: "/api/v1/donation_campaigns", Auth: api.User, Handler: a.donationCampaigns},
		{Method: get, Pattern: "/api/v1/custom_emojis", Auth: api.None, Shared: shared, Handler: a.customEmojis},
	}
}
