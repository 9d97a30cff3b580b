package activitypub_test

import (
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// register is what app/reactions.go has of this door.
func register(j *jobs.Jobs, s *activitypub.Server) {
	// What the door asks itself to do.
	jobs.On(j, "activitypub.perform", jobs.Policy{Queue: jobs.Ingress, Attempts: 8, Deadline: 2 * time.Minute}, s.Perform,
		jobs.Unique(func(e activitypub.Received) string { return e.Key }), jobs.Lane(func(e activitypub.Received) string { return e.Host }))
	jobs.On(j, "activitypub.push", jobs.Policy{Queue: jobs.Push, Deadline: 30 * time.Second, Attempts: activitypub.PushAttempts, Backoff: activitypub.PushBackoff}, s.Push, jobs.Lane(activitypub.Delivery.Host))
	pull := jobs.Policy{Queue: jobs.Pull, Attempts: 3, Deadline: 2 * time.Minute}
	jobs.On(j, "activitypub.fetch_parent", pull, s.FetchParent, jobs.Unique(activitypub.ParentWanted.Key), jobs.Lane(activitypub.ParentWanted.Host))
	jobs.On(j, "activitypub.fetch_replies", pull, s.FetchReplies, jobs.Unique(activitypub.RepliesWanted.Key), jobs.Lane(activitypub.RepliesWanted.Host))
	jobs.On(j, "activitypub.fill_thread", pull, s.FillThread, jobs.Unique(statuses.ThreadWanted.Key), jobs.Lane(func(e statuses.ThreadWanted) string { return e.Host }))
	jobs.On(j, "activitypub.read_outbox", pull, s.ReadOutbox, jobs.Unique(activitypub.OutboxWanted.Key), jobs.Lane(activitypub.OutboxWanted.Host))
	jobs.On(j, "activitypub.catch_up", pull, s.CatchUp)
	jobs.On(j, "activitypub.host_returned", pull, s.HostReturned)
	jobs.On(j, "activitypub.spread_missed", pull, s.SpreadMissed)
	jobs.On(j, "activitypub.backfill", pull, s.Backfill, jobs.When(func(e relations.Accepted) bool { return e.FollowerLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.apply_block", jobs.Policy{Queue: jobs.Default}, s.ApplyBlock)
	jobs.On(j, "activitypub.sync_followers", pull, s.SyncFollowers, jobs.Unique(activitypub.FollowersDiffer.Key), jobs.Lane(activitypub.FollowersDiffer.Host))
	jobs.On(j, "activitypub.move_followers", jobs.Policy{Queue: jobs.Pull}, s.MoveFollowers)
	jobs.On(j, "activitypub.purge_status", jobs.Policy{Queue: jobs.Default, Delay: time.Hour}, s.PurgeStatus)

	// What other servers hear of what happens here.
	p := jobs.Policy{Queue: jobs.Default, Deadline: 5 * time.Minute}
	jobs.On(j, "activitypub.send_create", p, s.SendCreate, jobs.When(func(e statuses.Posted) bool { return e.Local }))
	jobs.On(j, "activitypub.send_update", p, s.SendUpdate, jobs.When(func(e statuses.Edited) bool { return e.Local }))
	jobs.On(j, "activitypub.send_delete", p, s.SendDelete, jobs.When(func(e statuses.Deleted) bool { return e.Local }))
	jobs.On(j, "activitypub.purge_remote", jobs.Policy{Queue: jobs.Default, Delay: time.Hour}, s.PurgeRemote, jobs.When(func(e statuses.Deleted) bool { return !e.Local }))
	jobs.On(j, "activitypub.send_like", p, s.SendLike, jobs.When(func(e statuses.Favourited) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "activitypub.send_undo_like", p, s.SendUndoLike, jobs.When(func(e statuses.Unfavourited) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "activitypub.send_refreshed", p, s.SendRefreshed, jobs.When(func(e statuses.Refreshed) bool { return e.Local }))
	jobs.On(j, "activitypub.send_quote_request", p, s.SendQuoteRequest)
	jobs.On(j, "activitypub.send_revoked", p, s.SendRevoked)
	jobs.On(j, "activitypub.check_quote", pull, s.CheckQuote, jobs.Unique(statuses.QuoteReceived.Key), jobs.Lane(statuses.QuoteReceived.Host))
	jobs.On(j, "activitypub.send_collection", p, s.SendCollection)
	jobs.On(j, "activitypub.send_collection_update", p, s.SendCollectionUpdate)
	jobs.On(j, "activitypub.send_collection_delete", p, s.SendCollectionDelete)
	jobs.On(j, "activitypub.send_featured", p, s.SendFeatured, jobs.When(func(e collections.Added) bool { return !e.Unheard }))
	jobs.On(j, "activitypub.send_joined", p, s.SendJoined)
	jobs.On(j, "activitypub.send_taken", p, s.SendTaken)
	jobs.On(j, "activitypub.send_left", p, s.SendLeft)
	jobs.On(j, "activitypub.check_featured", pull, s.CheckFeatured, jobs.Unique(collections.ItemReceived.Key), jobs.Lane(collections.ItemReceived.Host))
	jobs.On(j, "activitypub.send_pin", p, s.SendPin)
	jobs.On(j, "activitypub.send_featured_tag", p, s.SendFeaturedTag)
	jobs.On(j, "activitypub.read_featured", pull, s.ReadFeatured, jobs.When(func(e relations.Accepted) bool { return e.FollowerLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.send_vote", p, s.SendVote, jobs.When(func(e statuses.Voted) bool { return e.ByLocal && !e.AuthorLocal }))
	votes := p
	votes.Delay = 3 * time.Minute // gathers votes into one update, as Mastodon does
	jobs.On(j, "activitypub.send_poll", votes, s.SendPoll, jobs.When(func(e statuses.Voted) bool { return e.AuthorLocal }),
		jobs.Unique(func(e statuses.Voted) string { return strconv.FormatInt(e.PollID, 10) }))
	jobs.On(j, "activitypub.send_poll_end", p, s.SendPollEnd)
	jobs.On(j, "activitypub.send_follow", p, s.SendFollow, jobs.When(func(e relations.Followed) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.send_accept_at_once", p, s.SendAcceptAtOnce, jobs.When(func(e relations.Followed) bool { return !e.ByLocal && e.TargetLocal && !e.Request }))
	jobs.On(j, "activitypub.send_undo_follow", p, s.SendUndoFollow, jobs.When(func(e relations.Unfollowed) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.send_accept", p, s.SendAccept, jobs.When(func(e relations.Accepted) bool { return !e.FollowerLocal && e.TargetLocal }))
	jobs.On(j, "activitypub.send_reject", p, s.SendReject, jobs.When(func(e relations.Rejected) bool { return !e.FollowerLocal && e.TargetLocal }))
	jobs.On(j, "activitypub.send_block", p, s.SendBlock, jobs.When(func(e relations.Blocked) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.send_undo_block", p, s.SendUndoBlock, jobs.When(func(e relations.Unblocked) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.send_profile", p, s.SendProfile, jobs.When(func(e accounts.ProfileUpdated) bool { return e.Local }))
	jobs.On(j, "activitypub.send_move", p, s.SendMove)
	jobs.On(j, "activitypub.send_flag", p, s.SendFlag, jobs.When(func(e moderation.Reported) bool { return e.ByLocal && len(e.Domains) > 0 }))
	jobs.On(j, "activitypub.send_actor_delete", p, s.SendActorDelete, jobs.When(func(e accounts.Removed) bool { return e.Local }))
}

// registerRest lets the domains emit what this door does not react to.
func registerRest(j *jobs.Jobs) {
	jobs.On(j, "test.link_posted", jobs.Policy{Queue: jobs.Default}, ignore[statuses.LinkPosted])
	jobs.On(j, "test.consented", jobs.Policy{Queue: jobs.Default}, ignore[accounts.Consented])
	jobs.On(j, "test.links_given", jobs.Policy{Queue: jobs.Default}, ignore[accounts.LinksGiven])
	jobs.On(j, "test.bookmarked", jobs.Policy{Queue: jobs.Default}, ignore[statuses.Bookmarked])
	jobs.On(j, "test.quoted", jobs.Policy{Queue: jobs.Default}, ignore[statuses.Quoted])
	jobs.On(j, "test.muted", jobs.Policy{Queue: jobs.Default}, ignore[relations.Muted])
	jobs.On(j, "test.unmuted", jobs.Policy{Queue: jobs.Default}, ignore[relations.Unmuted])
	jobs.On(j, "test.severed", jobs.Policy{Queue: jobs.Default}, ignore[relations.Severed])
	jobs.On(j, "test.domain_blocked", jobs.Policy{Queue: jobs.Default}, ignore[relations.DomainBlocked])
	jobs.On(j, "test.list_changed", jobs.Policy{Queue: jobs.Default}, ignore[relations.ListChanged])
}
