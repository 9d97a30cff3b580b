package activitypub

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// contextPage is how many posts of a thread a page names (Mastodon: 60).
const contextPage = 60

const contextsPath = "/contexts/"

// contextURI is the address of a thread that began here (FEP-7888): named by the author of the post that began it and by that post, as
// Mastodon does.
func (s *Server) contextURI(author accounts.ID, root statuses.ID) string {
	return s.Site.URL(contextsPath + ids.Format(author) + "-" + ids.Format(root))
}

// names are a conversation's in a post: the one that servers have known for long, and the address of the whole, where there is one.
func (s *Server) names(c statuses.Conversation) (conversation, context string) {
	switch {
	case c.URI != "" && weburl.Valid(c.URI):
		return c.URI, c.URI
	case c.URI != "":
		return c.URI, ""
	case c.ParentStatusID != 0:
		uri := s.contextURI(c.ParentAccountID, c.ParentStatusID)
		return uri, uri
	}
	return fmt.Sprintf("tag:%s,%s:objectId=%d:objectType=Conversation", s.Site.WebDomain, ids.Time(c.ID).Format("2006-01-02"), c.ID), ""
}

// rootOf is the post that a thread of ours is named by, if everybody may see it.
func (s *Server) rootOf(ctx context.Context, name string) (*statuses.Status, error) {
	author, root, ok := strings.Cut(name, "-")
	if !ok {
		return nil, errs.NotFound()
	}
	st, err := s.Statuses.ByID(ctx, s.DB, 0, statuses.ID(httpio.PathID(root)))
	if err == nil && (!st.Local || st.Reblog() || int64(st.AccountID) != httpio.PathID(author)) {
		err = errs.NotFound()
	}
	return st, err
}

// ourConversation is the thread of ours that a post of another server says it belongs to, 0 for none: only what everybody may see
// joins a thread by its name, so that nobody gets among what others say in private.
func (s *Server) ourConversation(ctx context.Context, n ap.Note, visibility statuses.Visibility) (int64, error) {
	if visibility > statuses.Unlisted {
		return 0, nil
	}
	for _, uri := range []string{n.Context, n.Conversation} {
		name, ok := strings.CutPrefix(uri, s.Site.URL(contextsPath))
		if !ok {
			continue
		}
		st, err := s.rootOf(ctx, name)
		if errs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		return st.ConversationID, nil
	}
	return 0, nil
}

// getContext serves a thread that began here: what everybody may see of it. One that began with a post that is not for everybody, or
// is gone, is not found.
func (s *Server) getContext(w http.ResponseWriter, req *http.Request) error {
	root, page, err := s.contextItems(req, 0)
	if err != nil {
		return err
	}
	author, err := s.Accounts.ByID(req.Context(), s.DB, root.AccountID)
	if err != nil {
		return err
	}
	doc := ap.Collection(s.contextURI(root.AccountID, root.ID), -1, page)
	doc.AttributedTo = author.URI
	return write(w, doc)
}

// getContextItems serves the posts of a thread in pages.
func (s *Server) getContextItems(w http.ResponseWriter, req *http.Request) error {
	paged, _, after := paged(req)
	root, page, err := s.contextItems(req, statuses.ID(after))
	if err != nil {
		return err
	}
	if paged {
		return write(w, page)
	}
	return write(w, ap.Collection(s.contextURI(root.AccountID, root.ID)+"/items", -1, page))
}

func (s *Server) contextItems(req *http.Request, after statuses.ID) (*statuses.Status, *ap.CollectionDoc, error) {
	ctx := req.Context()
	root, err := s.rootOf(ctx, chi.URLParam(req, "id"))
	if err != nil {
		return nil, nil, err
	}
	list, last, err := s.Statuses.Thread(ctx, s.DB, root.ID, after, contextPage)
	if err != nil {
		return nil, nil, err
	}
	base := s.contextURI(root.AccountID, root.ID) + "/items"
	id, next := base+"?page=true", ""
	if after != 0 {
		id += "&min_id=" + ids.Format(after)
	}
	if len(list) == contextPage {
		next = base + "?page=true&min_id=" + ids.Format(last)
	}
	return root, ap.Page(id, base, next, anys(list)), nil
}
