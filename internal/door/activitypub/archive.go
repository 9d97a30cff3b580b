package activitypub

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"path"

	"github.com/go-json-experiment/json"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// archivePage is how many posts are in memory at a time while an archive is written.
const archivePage = 50

// Marked gives the ids of posts that somebody favourited, or bookmarked, page by page.
type Marked func(ctx context.Context, me accounts.ID, likes bool, use func([]string) error) error

// WriteArchive writes all that an account of ours wrote as a zip in Mastodon's layout: actor.json, outbox.json, likes.json, bookmarks.json, the
// pictures of the profile and the media, which the documents name by their place in the archive. It takes as much memory as a page of posts. Keys
// are not in it (OPS-06).
func (s *Server) WriteArchive(ctx context.Context, a *accounts.Account, w io.Writer, open func(ctx context.Context, name string) (io.ReadCloser, error), marked Marked) error {
	out := &archiver{Server: s, zip: zip.NewWriter(w), account: a, open: open}
	for _, part := range []func(context.Context) error{
		out.actor, out.outbox,
		func(ctx context.Context) error { return out.list(ctx, "likes.json", marked, true) },
		func(ctx context.Context) error { return out.list(ctx, "bookmarks.json", marked, false) },
		out.media,
	} {
		if err := part(ctx); err != nil {
			return fmt.Errorf("writing an archive: %w", err)
		}
	}
	return out.zip.Close()
}

type archiver struct {
	*Server
	zip     *zip.Writer
	account *accounts.Account
	open    func(ctx context.Context, name string) (io.ReadCloser, error)
}

// mediaAt is the place of a stored file in the archive. Names are ours, never an uploader's (MED-07).
func mediaAt(file string) string { return "media_attachments/" + file }

func (z *archiver) actor(ctx context.Context) error {
	doc, err := z.Server.actor(ctx, z.account)
	if err != nil {
		return err
	}
	doc.Outbox = "outbox.json"
	for _, p := range []struct {
		image *ap.ImageDoc
		file  string
		name  string
	}{{doc.Icon, z.account.Avatar, "avatar"}, {doc.Image, z.account.Header, "header"}} {
		if p.image == nil {
			continue
		}
		p.image.URL = p.name + path.Ext(p.file)
		if err := z.copy(ctx, p.file, p.image.URL); err != nil {
			return err
		}
	}
	body, err := ap.Document(doc)
	if err != nil {
		return err
	}
	f, err := z.zip.Create("actor.json")
	if err == nil {
		_, err = f.Write(body)
	}
	return err
}

// copy takes a stored file along; one that is gone is left out.
func (z *archiver) copy(ctx context.Context, name, at string) error {
	in, err := z.open(ctx, name)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := z.zip.Create(at)
	if err == nil {
		_, err = io.Copy(f, in)
	}
	return err
}

// collection writes an ordered collection whose items come bit by bit.
func (z *archiver) collection(name string, items func(add func(any) error) error) error {
	f, err := z.zip.Create(name)
	if err != nil {
		return err
	}
	n := 0
	if _, err := io.WriteString(f, `{"@context":"https://www.w3.org/ns/activitystreams","id":"`+name+`","type":"OrderedCollection","orderedItems":[`); err != nil {
		return err
	}
	err = items(func(item any) error {
		body, err := json.Marshal(item, json.Deterministic(true))
		if err != nil {
			return err
		}
		if n++; n > 1 {
			body = append([]byte{','}, body...)
		}
		_, err = f.Write(body)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, `],"totalItems":%d}`, n)
	return err
}

// pages walks over all that the account wrote, the newest first.
func (z *archiver) pages(ctx context.Context, use func([]*post) error) error {
	at := db.Page{Limit: archivePage}
	for {
		list, err := z.Statuses.OfAccount(ctx, z.DB, z.account.ID, z.account.ID, statuses.AccountOptions{}, at)
		if err != nil {
			return err
		}
		posts, err := z.posts(ctx, z.account.ID, list)
		if err != nil {
			return err
		}
		if err := use(posts); err != nil {
			return err
		}
		if len(list) < archivePage {
			return nil
		}
		at.MaxID = int64(list[len(list)-1])
	}
}

func (z *archiver) outbox(ctx context.Context) error {
	return z.collection("outbox.json", func(add func(any) error) error {
		return z.pages(ctx, func(posts []*post) error {
			for _, p := range posts {
				item, err := z.published(ctx, p)
				if err != nil {
					return err
				}
				if create, ok := item.(*ap.ActivityDoc); ok {
					if note, ok := create.Object.(*ap.NoteDoc); ok {
						for i := range note.Attachment {
							if i < len(p.media) && p.media[i].File != "" {
								note.Attachment[i].URL = mediaAt(p.media[i].File)
							}
						}
					}
				}
				if err := add(item); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (z *archiver) list(ctx context.Context, name string, marked Marked, likes bool) error {
	return z.collection(name, func(add func(any) error) error {
		return marked(ctx, z.account.ID, likes, func(page []string) error {
			for _, uri := range page {
				if err := add(uri); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (z *archiver) media(ctx context.Context) error {
	return z.pages(ctx, func(posts []*post) error {
		for _, p := range posts {
			if p.boosted != nil {
				continue
			}
			for _, m := range p.media {
				if m.File == "" {
					continue
				}
				if err := z.copy(ctx, m.File, mediaAt(m.File)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
