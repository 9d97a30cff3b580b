package activitypub

import (
	"context"
	"strings"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// performReact puts an emoji on a post of ours, as Pleroma says it (FEP-c0e0): a favourite that keeps its emoji. We send none.
func (s *Server) performReact(ctx context.Context, a activity) error {
	r, ok := reactionOf(a.Object)
	if !ok {
		return errs.Invalid("The reaction is no emoji")
	}
	st, err := s.localStatus(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	return s.Statuses.React(ctx, a.by, st.ID, r)
}

// reactionOf reads the emoji of an EmojiReact, or of a Like that carries one as Misskey's do.
func reactionOf(o *ap.Object) (statuses.Reaction, bool) {
	emoji := statuses.ReactionEmoji(o.String("content"))
	if emoji == "" {
		emoji = statuses.ReactionEmoji(o.String("_misskey_reaction"))
	}
	if emoji == "" {
		return statuses.Reaction{}, false
	}
	r := statuses.Reaction{Emoji: emoji, URI: o.ID}
	for _, t := range o.Tags() {
		if t.Type == "Emoji" && ":"+strings.Trim(t.Name, ":")+":" == emoji {
			r.Image = t.IconURL
		}
	}
	return r, true
}

// undoReact takes an emoji back: the one that came under the id, whatever emoji is named now, or else the one that is named.
func (s *Server) undoReact(ctx context.Context, a activity, react *ap.Object, r statuses.Reaction) error {
	if react.ID != "" {
		if err := s.Statuses.ReceiveDelete(ctx, a.by, react.ID); err != nil {
			return err
		}
	}
	if on, emoji, err := s.Statuses.Reacted(ctx, s.DB, a.by.ID, react.ID); err == nil {
		return s.Statuses.Unreact(ctx, a.by, on, emoji)
	} else if !errs.IsNotFound(err) {
		return err
	}
	st, err := s.localStatus(ctx, react.IDOf("object"))
	if err != nil {
		return err
	}
	return s.Statuses.Unreact(ctx, a.by, st.ID, r.Emoji)
}
