package app

import (
	"context"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Policies that several reactions share. Statements is the budget of one run (requirement C3); budget_test.go holds the reactions to it.
var (
	onDefault = jobs.Policy{Queue: jobs.Default, Statements: 12}
	// fanOut may take long: an account can have followers on tens of thousands of servers.
	fanOut = jobs.Policy{Queue: jobs.Default, Deadline: 5 * time.Minute, Statements: 18}
	// fanOutOfTwo loads two posts, and whom both of them reached.
	fanOutOfTwo = jobs.Policy{Queue: jobs.Default, Deadline: 5 * time.Minute, Statements: 26}
	// mails are tried for some hours; by then what they say is old.
	mails = jobs.Policy{Queue: jobs.Mailers, Attempts: 9, Statements: 8}
	// pulls are few: what is fetched is wanted, not needed. One may bring a whole thread.
	pulls = jobs.Policy{Queue: jobs.Pull, Attempts: 3, Deadline: 2 * time.Minute, Statements: 200}
	// previews ask a site for a page, its oEmbed and its picture, and perhaps for its author; nobody misses one that failed.
	previews = jobs.Policy{Queue: jobs.Pull, Attempts: 3, Deadline: time.Minute, Statements: 60}
	// walks fetch and store two dozen posts of a thread.
	walks = jobs.Policy{Queue: jobs.Pull, Attempts: 3, Deadline: 2 * time.Minute, Statements: 1500}
	// outboxes store a page of posts, with all that they mention.
	outboxes = jobs.Policy{Queue: jobs.Pull, Attempts: 3, Deadline: 2 * time.Minute, Statements: 1500}
	// imports take twenty lines at a time, each of which may ask another server.
	imports = jobs.Policy{Queue: jobs.Pull, Attempts: 10, Deadline: 5 * time.Minute, Statements: 2000}
	// conversions make films and sounds anew, which takes minutes. They share a lane, so that others' work is not behind
	// them; how many of them work is bounded where they do.
	conversions = jobs.Policy{Queue: jobs.Pull, Attempts: media.ProcessAttempts, Deadline: 15 * time.Minute, Statements: 8}
	// archives read all that somebody wrote.
	archives = jobs.Policy{Queue: jobs.Pull, Attempts: 4, Deadline: time.Hour, Statements: 100_000}
	// syncs may end hundreds of follows that another server does not have.
	syncs = jobs.Policy{Queue: jobs.Pull, Attempts: 3, Deadline: 5 * time.Minute, Statements: 5000}
	// performs are what other servers send; a note with all that it mentions is the most.
	performs = jobs.Policy{Queue: jobs.Ingress, Attempts: 8, Deadline: 2 * time.Minute, Statements: 40}
	// pushes are posted to one inbox each, and tried for a week; a probe that fails, or is the first to arrive, writes the most.
	pushes = jobs.Policy{Queue: jobs.Push, Deadline: 30 * time.Second, Attempts: activitypub.PushAttempts, Backoff: activitypub.PushBackoff, Statements: 14}
	// alerts are posted to push services; after some hours they are no news.
	alerts = jobs.Policy{Queue: jobs.Push, Deadline: 30 * time.Second, Attempts: 6, Statements: 10}
	// afterwards lets the other reactions to a deletion run before the rows go.
	afterwards = jobs.Policy{Queue: jobs.Default, Delay: time.Hour, Statements: 12}
	// onceMore runs when every batch that was under way has ended.
	onceMore = jobs.Policy{Queue: jobs.Default, Delay: 6 * time.Minute, Statements: 6}
	// entering loads a post with its parts and writes its words.
	entering = jobs.Policy{Queue: jobs.Default, Statements: 8}
	// publishing writes a whole post.
	publishing = jobs.Policy{Queue: jobs.Default, Statements: 25}
	// recurring and wholesale take as many steps as there is to do, each small.
	recurring = jobs.Policy{Queue: jobs.Scheduler, Attempts: 3, Deadline: 10 * time.Minute, Statements: 2000}
	wholesale = jobs.Policy{Queue: jobs.Default, Deadline: 5 * time.Minute, Statements: 5000}
	// votesGather sends the votes of some minutes as one update (Mastodon: three minutes).
	votesGather = jobs.Policy{Queue: jobs.Default, Delay: 3 * time.Minute, Deadline: 5 * time.Minute, Statements: 18}
	// mailsGather writes the posts of some minutes into one mail (Mastodon: five minutes).
	mailsGather = jobs.Policy{Queue: jobs.Default, Delay: 5 * time.Minute, Deadline: 5 * time.Minute, Statements: 2000}
)

// react is the list of everything that follows from anything. The names are stored with the jobs and never change their meaning.
func (a *App) react() {
	a.onPeople()
	a.onCollections()
	a.onPosts()
	a.onSearch()
	a.onAnnouncements()
	a.onRelations()
	a.onCommands()
}

// onPeople: what follows from what happens to accounts and logins.
func (a *App) onPeople() {
	j, mail := a.Jobs, a.doors.mailer
	jobs.On(j, "mailer.welcome", mails, mail.Welcome)
	jobs.On(j, "notifications.signed_up", onDefault, func(ctx context.Context, e access.SignedUp) error { return a.Notifications.SignedUp(ctx, e.AccountID) })
	jobs.On(j, "relations.follow_inviter", onDefault, a.followInviter)
	jobs.On(j, "mailer.confirm_again", mails, mail.ConfirmAgain, jobs.Unique(func(e access.ConfirmationWanted) string { return e.Email }))
	jobs.On(j, "mailer.new_address", mails, mail.NewAddress)
	jobs.On(j, "mailer.address_changed", mails, mail.AddressChanged)
	jobs.On(j, "mailer.reset", mails, mail.Reset, jobs.Unique(func(e access.ResetWanted) string { return e.Email }))
	jobs.On(j, "mailer.password_changed", mails, mail.PasswordChanged)
	jobs.On(j, "mailer.approved", mails, mail.Approved)
	jobs.On(j, "mailer.registrations_limited", mails, mail.RegistrationsLimited)
	jobs.On(j, "mailer.ask_subscriber", mails, mail.AskSubscriber)
	jobs.On(j, "subscriptions.become_follows", onDefault, a.Subscriptions.BecomeFollows)
	jobs.On(j, "access.tell_terms", onDefault, a.Access.TellTerms)
	jobs.On(j, "mailer.terms", mails, mail.Terms)
	jobs.On(j, "activitypub.send_profile", fanOut, a.Federation.SendProfile, jobs.When(func(e accounts.ProfileUpdated) bool { return e.Local }))
	jobs.On(j, "links.reattribute", onDefault, a.Links.Reattribute, jobs.When(func(e accounts.ProfileUpdated) bool { return e.Local }))
	jobs.On(j, "activitypub.send_actor_delete", fanOut, a.Federation.SendActorDelete, jobs.When(func(e accounts.Removed) bool { return e.Local }))
	jobs.On(j, "activitypub.send_move", fanOut, a.Federation.SendMove)
	jobs.On(j, "activitypub.send_flag", fanOut, a.Federation.SendFlag, jobs.When(func(e moderation.Reported) bool { return e.ByLocal && len(e.Domains) > 0 }))
	jobs.On(j, "statuses.remove_all", wholesale, func(ctx context.Context, e accounts.Removed) error { return a.Statuses.RemoveAll(ctx, e.AccountID) })
	jobs.On(j, "media.account_removed", wholesale, a.Media.AccountRemoved)
	jobs.On(j, "accounts.purge", afterwards, func(ctx context.Context, e accounts.Removed) error { return a.Accounts.Purge(ctx, e.AccountID) })
}

// onCollections: what follows from who recommends whom.
func (a *App) onCollections() {
	j, fed := a.Jobs, a.Federation
	jobs.On(j, "notifications.added_to_collection", onDefault, a.Notifications.AddedTo, jobs.When(func(e collections.Added) bool { return e.Local }))
	jobs.On(j, "notifications.collection_changed", onDefault, a.Notifications.CollectionChanged, jobs.When(func(e collections.Changed) bool { return e.Words }))
	jobs.On(j, "collections.remove_all", onDefault, func(ctx context.Context, e accounts.Removed) error { return a.Collections.RemoveAll(ctx, e.AccountID) })
	jobs.On(j, "activitypub.send_collection", fanOut, fed.SendCollection)
	jobs.On(j, "activitypub.send_collection_update", fanOut, fed.SendCollectionUpdate)
	jobs.On(j, "activitypub.send_collection_delete", fanOut, fed.SendCollectionDelete)
	jobs.On(j, "activitypub.send_featured", fanOut, fed.SendFeatured, jobs.When(func(e collections.Added) bool { return !e.Unheard }))
	jobs.On(j, "activitypub.send_joined", fanOut, fed.SendJoined)
	jobs.On(j, "activitypub.send_taken", fanOut, fed.SendTaken)
	jobs.On(j, "activitypub.send_left", fanOut, fed.SendLeft)
	jobs.On(j, "activitypub.check_featured", pulls, fed.CheckFeatured, jobs.Unique(collections.ItemReceived.Key), jobs.Lane(collections.ItemReceived.Host))
}

// onPosts: what follows from posts, and from what people do with them.
func (a *App) onPosts() {
	j, fed := a.Jobs, a.Federation
	jobs.On(j, "feeds.insert", onDefault, a.Feeds.Insert)
	jobs.On(j, "feeds.direct", onDefault, a.Feeds.Direct, jobs.When(func(e statuses.Posted) bool { return e.Visibility == statuses.Direct }))
	jobs.On(j, "notifications.posted", onDefault, a.Notifications.Posted, jobs.When(func(e statuses.Posted) bool { return !e.Old && !e.Quiet }))
	jobs.On(j, "activitypub.send_create", fanOut, fed.SendCreate, jobs.When(func(e statuses.Posted) bool { return e.Local && !e.Unheard }))
	jobs.On(j, "feeds.edited", onDefault, a.Feeds.Edited)
	jobs.On(j, "notifications.edited", onDefault, a.Notifications.Edited)
	jobs.On(j, "activitypub.send_update", fanOut, fed.SendUpdate, jobs.When(func(e statuses.Edited) bool { return e.Local }))
	jobs.On(j, "feeds.deleted", onDefault, a.Feeds.Deleted)
	jobs.On(j, "notifications.deleted", onDefault, a.Notifications.Deleted)
	jobs.On(j, "activitypub.send_delete", fanOut, fed.SendDelete, jobs.When(func(e statuses.Deleted) bool { return e.Local }))
	jobs.On(j, "activitypub.purge_remote", afterwards, fed.PurgeRemote, jobs.When(func(e statuses.Deleted) bool { return !e.Local }))
	jobs.On(j, "notifications.favourited", onDefault, a.Notifications.Favourited, jobs.When(func(e statuses.Favourited) bool { return e.AuthorLocal }))
	jobs.On(j, "activitypub.send_like", fanOut, fed.SendLike, jobs.When(func(e statuses.Favourited) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "notifications.unfavourited", onDefault, a.Notifications.Unfavourited, jobs.When(func(e statuses.Unfavourited) bool { return e.AuthorLocal }))
	jobs.On(j, "activitypub.send_undo_like", fanOut, fed.SendUndoLike, jobs.When(func(e statuses.Unfavourited) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "notifications.quoted", onDefault, a.Notifications.Quoted, jobs.When(func(e statuses.Quoted) bool { return e.AuthorLocal }))
	jobs.On(j, "feeds.refreshed", onDefault, a.Feeds.Refreshed)
	jobs.On(j, "activitypub.send_refreshed", fanOut, fed.SendRefreshed, jobs.When(func(e statuses.Refreshed) bool { return e.Local }))
	jobs.On(j, "activitypub.send_quote_request", fanOut, fed.SendQuoteRequest)
	jobs.On(j, "activitypub.send_revoked", fanOutOfTwo, fed.SendRevoked)
	jobs.On(j, "activitypub.check_quote", pulls, fed.CheckQuote, jobs.Unique(statuses.QuoteReceived.Key), jobs.Lane(statuses.QuoteReceived.Host))
	jobs.On(j, "links.verify", previews, a.Links.Verify, jobs.Unique(accounts.LinksGiven.Key))
	jobs.On(j, "links.preview", previews, a.Links.Preview, jobs.Lane(statuses.LinkPosted.Host))
	jobs.On(j, "activitypub.send_pin", fanOut, fed.SendPin)
	jobs.On(j, "activitypub.send_featured_tag", fanOut, fed.SendFeaturedTag)
	jobs.On(j, "activitypub.send_vote", fanOut, fed.SendVote, jobs.When(func(e statuses.Voted) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "activitypub.send_poll", votesGather, fed.SendPoll, jobs.When(func(e statuses.Voted) bool { return e.AuthorLocal }),
		jobs.Unique(func(e statuses.Voted) string { return strconv.FormatInt(e.PollID, 10) }))
	jobs.On(j, "activitypub.send_poll_end", fanOut, fed.SendPollEnd)
	jobs.On(j, "statuses.publish_scheduled", publishing, a.Statuses.PublishScheduled)
	jobs.On(j, "subscriptions.tell", mailsGather, a.Subscriptions.Tell, jobs.When(func(e statuses.Posted) bool { return e.Mailed }), jobs.Unique(subscriptions.Key))
	jobs.On(j, "mailer.written", mails, a.doors.mailer.Written)
	jobs.On(j, "push.send", alerts, a.doors.push.Send, jobs.Lane(notifications.Push.Host))
	jobs.On(j, "notifications.poll_ended", onDefault, a.Notifications.PollEnded)
}

// onSearch: when a post is to be found by its words, or no more.
func (a *App) onSearch() {
	j, s := a.Jobs, a.Search
	jobs.On(j, "search.posted", entering, func(ctx context.Context, e statuses.Posted) error {
		if e.Reblog {
			return s.EnterBoosted(ctx, e.StatusID)
		}
		return s.Enter(ctx, e.StatusID)
	}, jobs.When(func(e statuses.Posted) bool { return e.Found }))
	jobs.On(j, "search.edited", entering, func(ctx context.Context, e statuses.Edited) error { return s.Enter(ctx, e.StatusID) })
	jobs.On(j, "search.deleted", entering, func(ctx context.Context, e statuses.Deleted) error { return s.Drop(ctx, e.StatusID) },
		jobs.When(func(e statuses.Deleted) bool { return e.ReblogOfID == 0 }))
	jobs.On(j, "search.favourited", entering, func(ctx context.Context, e statuses.Favourited) error { return s.Enter(ctx, e.StatusID) },
		jobs.When(func(e statuses.Favourited) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "search.bookmarked", entering, func(ctx context.Context, e statuses.Bookmarked) error { return s.Enter(ctx, e.StatusID) })
	jobs.On(j, "search.voted", entering, func(ctx context.Context, e statuses.Voted) error { return s.Enter(ctx, e.StatusID) },
		jobs.When(func(e statuses.Voted) bool { return e.ByLocal && !e.AuthorLocal }))
	jobs.On(j, "search.consented", wholesale, func(ctx context.Context, e accounts.Consented) error { return s.EnterAll(ctx, e.AccountID) },
		jobs.Unique(func(e accounts.Consented) string { return strconv.FormatInt(int64(e.AccountID), 10) }))
	jobs.On(j, "search.fill", recurring, s.Fill)
	jobs.On(j, "accounts.fill_words", recurring, a.Accounts.FillWords)
}

// onAnnouncements: what everybody here is told.
func (a *App) onAnnouncements() {
	jobs.On(a.Jobs, "announcements.tell", onDefault, a.Announcements.Tell)
	jobs.On(a.Jobs, "announcements.due", recurring, a.Announcements.Due)
	jobs.On(a.Jobs, "annual.generate", onDefault, a.Annual.Generate, jobs.Unique(annual.Wanted.Key))
	jobs.On(a.Jobs, "notifications.annual_report", onDefault, func(ctx context.Context, e annual.Generated) error {
		return a.Notifications.Reported(ctx, e.AccountID, e.Year)
	})
}

// onRelations: what follows from what people are to each other.
func (a *App) onRelations() {
	j, fed := a.Jobs, a.Federation
	jobs.On(j, "feeds.followed", onDefault, a.Feeds.Followed, jobs.When(func(e relations.Followed) bool { return e.ByLocal && !e.Request }))
	jobs.On(j, "notifications.followed", onDefault, a.Notifications.Followed, jobs.When(func(e relations.Followed) bool { return e.TargetLocal }))
	jobs.On(j, "activitypub.send_follow", fanOut, fed.SendFollow, jobs.When(func(e relations.Followed) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.send_accept_at_once", fanOut, fed.SendAcceptAtOnce, jobs.When(func(e relations.Followed) bool { return !e.ByLocal && e.TargetLocal && !e.Request }))
	jobs.On(j, "feeds.accepted", onDefault, a.Feeds.Accepted, jobs.When(func(e relations.Accepted) bool { return e.FollowerLocal }))
	jobs.On(j, "activitypub.backfill", pulls, fed.Backfill, jobs.When(func(e relations.Accepted) bool { return e.FollowerLocal && !e.TargetLocal }))
	jobs.On(j, "activitypub.read_featured", pulls, fed.ReadFeatured, jobs.When(func(e relations.Accepted) bool { return e.FollowerLocal && !e.TargetLocal }))
	jobs.On(j, "notifications.accepted", onDefault, a.Notifications.Accepted, jobs.When(func(e relations.Accepted) bool { return e.TargetLocal }))
	jobs.On(j, "activitypub.send_accept", fanOut, fed.SendAccept, jobs.When(func(e relations.Accepted) bool { return !e.FollowerLocal && e.TargetLocal }))
	jobs.On(j, "feeds.rejected", onDefault, a.Feeds.Rejected, jobs.When(func(e relations.Rejected) bool { return e.FollowerLocal }))
	jobs.On(j, "notifications.rejected", onDefault, a.Notifications.Rejected, jobs.When(func(e relations.Rejected) bool { return e.TargetLocal }))
	jobs.On(j, "activitypub.send_reject", fanOut, fed.SendReject, jobs.When(func(e relations.Rejected) bool { return !e.FollowerLocal && e.TargetLocal }))
	jobs.On(j, "feeds.unfollowed", onDefault, a.Feeds.Unfollowed, jobs.When(func(e relations.Unfollowed) bool { return e.ByLocal }))
	jobs.On(j, "notifications.unfollowed", onDefault, a.Notifications.Unfollowed, jobs.When(func(e relations.Unfollowed) bool { return e.TargetLocal }))
	jobs.On(j, "activitypub.send_undo_follow", fanOut, fed.SendUndoFollow, jobs.When(func(e relations.Unfollowed) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "feeds.blocked", onDefault, a.Feeds.Blocked)
	jobs.On(j, "notifications.blocked", onDefault, a.Notifications.Blocked)
	jobs.On(j, "activitypub.send_block", fanOut, fed.SendBlock, jobs.When(func(e relations.Blocked) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "feeds.unblocked", onDefault, a.Feeds.Unblocked)
	jobs.On(j, "activitypub.send_undo_block", fanOut, fed.SendUndoBlock, jobs.When(func(e relations.Unblocked) bool { return e.ByLocal && !e.TargetLocal }))
	jobs.On(j, "feeds.muted", onDefault, a.Feeds.Muted)
	jobs.On(j, "feeds.unmuted", onDefault, a.Feeds.Unmuted)
	jobs.On(j, "feeds.domain_blocked", onDefault, a.Feeds.DomainBlocked)
	jobs.On(j, "notifications.severed", onDefault, a.Notifications.Severed)
	jobs.On(j, "relations.sever_domain", wholesale, a.Relations.SeverDomain)
	jobs.On(j, "feeds.list_changed", onDefault, a.Feeds.ListChanged)
	jobs.On(j, "feeds.tag_followed", onDefault, a.Feeds.TagFollowed)
	// A batch that read the old relations may push after the lists were dropped; these drop them once more.
	jobs.On(j, "feeds.unfollowed_again", onceMore, a.Feeds.Unfollowed, jobs.When(func(e relations.Unfollowed) bool { return e.ByLocal }))
	jobs.On(j, "feeds.blocked_again", onceMore, a.Feeds.Blocked)
	jobs.On(j, "feeds.muted_again", onceMore, a.Feeds.Muted)
	jobs.On(j, "feeds.tag_followed_again", onceMore, a.Feeds.TagFollowed)
	jobs.On(j, "feeds.domain_blocked_again", onceMore, a.Feeds.DomainBlocked)
}

// onCommands: work that is asked for by name.
func (a *App) onCommands() {
	j, fed := a.Jobs, a.Federation
	jobs.On(j, "feeds.batch", fanOut, a.Feeds.Batch, jobs.Unique(feeds.Spread.Key))
	jobs.On(j, "activitypub.perform", performs, fed.Perform,
		jobs.Unique(func(e activitypub.Received) string { return e.Key }), jobs.Lane(func(e activitypub.Received) string { return e.Host }))
	jobs.On(j, "activitypub.push", pushes, fed.Push, jobs.Lane(activitypub.Delivery.Host))
	jobs.On(j, "activitypub.fetch_parent", pulls, fed.FetchParent, jobs.Unique(activitypub.ParentWanted.Key), jobs.Lane(activitypub.ParentWanted.Host))
	jobs.On(j, "activitypub.fetch_replies", pulls, fed.FetchReplies, jobs.Unique(activitypub.RepliesWanted.Key), jobs.Lane(activitypub.RepliesWanted.Host))
	jobs.On(j, "activitypub.fill_thread", walks, fed.FillThread, jobs.Unique(statuses.ThreadWanted.Key), jobs.Lane(func(e statuses.ThreadWanted) string { return e.Host }))
	jobs.On(j, "activitypub.read_outbox", outboxes, fed.ReadOutbox, jobs.Unique(activitypub.OutboxWanted.Key), jobs.Lane(activitypub.OutboxWanted.Host))
	jobs.On(j, "activitypub.catch_up", recurring, fed.CatchUp)
	jobs.On(j, "activitypub.host_returned", pulls, fed.HostReturned)
	jobs.On(j, "activitypub.spread_missed", pulls, fed.SpreadMissed)
	jobs.On(j, "activitypub.apply_block", wholesale, fed.ApplyBlock)
	jobs.On(j, "activitypub.sync_followers", syncs, fed.SyncFollowers, jobs.Unique(activitypub.FollowersDiffer.Key), jobs.Lane(activitypub.FollowersDiffer.Host))
	jobs.On(j, "activitypub.move_followers", pulls, fed.MoveFollowers)
	jobs.On(j, "activitypub.purge_status", afterwards, fed.PurgeStatus)
	jobs.On(j, "archive.import", imports, a.Archive.Run, jobs.Unique(archive.Confirmed.Key))
	jobs.On(j, "archive.write", archives, a.writeBackup, jobs.Unique(archive.BackupWanted.Key))
	jobs.On(j, "mailer.archive_ready", mails, a.doors.mailer.ArchiveReady)
	jobs.On(j, "archive.forget", recurring, func(ctx context.Context, _ archive.ForgetDue) error { return a.Archive.Forget(ctx, a.files) })
	jobs.On(j, "media.process", conversions, a.Media.Process, jobs.Lane(func(media.Uploaded) string { return "media" }))
	jobs.On(j, "media.sweep", recurring, a.Media.Sweep)
	jobs.On(j, "media.probe", recurring, a.probeFiles)
	jobs.On(j, "media.prune", recurring, a.Media.Prune)
	jobs.On(j, "media.apply_block", wholesale, a.Media.Blocked)
	jobs.On(j, "access.clean_up", recurring, a.Access.CleanUp)
	jobs.On(j, "access.limit_unattended", recurring, a.Access.LimitUnattended)
	jobs.On(j, "jobs.forget", recurring, j.Forget)
	jobs.On(j, "links.forget", recurring, a.Links.Forget)
	jobs.On(j, "relations.expire_mutes", recurring, func(ctx context.Context, _ ExpireMutesDue) error { return a.Relations.ExpireMutes(ctx, 1000) })
	jobs.On(j, "subscriptions.forget", recurring, a.Subscriptions.Forget)
	jobs.On(j, "trends.refresh", recurring, a.Trends.Refresh)
	jobs.On(j, "statuses.clean_up_old", recurring, a.Statuses.CleanUpOld)
	jobs.On(j, "statuses.count_weeks", recurring, a.Statuses.CountWeeks)
	jobs.On(j, "statuses.forget_keys", recurring, func(ctx context.Context, _ ForgetKeysDue) error { return a.Statuses.ForgetKeys(ctx) })
	jobs.On(j, "statuses.forget_walks", recurring, func(ctx context.Context, _ ForgetWalksDue) error { return a.Statuses.ForgetWalks(ctx) })
}
