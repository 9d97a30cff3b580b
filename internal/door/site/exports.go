package site

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// uploadMemory is how much of an uploaded file is kept in memory; shownImports how many imports a page lists.
const (
	uploadMemory = 1 << 20
	shownImports = 20
)

// exported are the lists that can be taken along: Mastodon's address, the file's name, and what it is in words.
var exported = []struct {
	path, file, label string
	kind              archive.Type
}{
	{"follows", "following_accounts", "Whom you follow", archive.Following},
	{"lists", "lists", "Your lists", archive.Lists},
	{"blocks", "blocked_accounts", "Whom you block", archive.Blocking},
	{"mutes", "muted_accounts", "Whom you mute", archive.Muting},
	{"domain_blocks", "blocked_domains", "Domains that you block", archive.DomainBlocking},
	{"bookmarks", "bookmarks", "Your bookmarks", archive.Bookmarks},
}

func labelOf(t archive.Type) string {
	for _, e := range exported {
		if e.kind == t {
			return e.label
		}
	}
	return ""
}

func (s *Server) mountExports(mux chi.Router) {
	form := func(path string, show, do handler) {
		if show != nil {
			mux.Get(path, s.page(s.mine(show)))
		}
		if do != nil {
			mux.Post(path, s.form(s.mine(do)))
		}
	}
	form(view.PathExport, s.export, s.askBackup)
	form(view.PathExports+"/{name}.csv", s.exportList, nil)
	form(view.PathBackups+"/{id}.zip", s.fetchBackup, nil)
	form(view.PathImports, s.imports, nil)
	mux.Post(view.PathImports, s.upload(s.mine(s.uploadImport)))
	form(view.PathImports+"/{id}", s.showImport, nil)
	form(view.PathImports+"/{id}/confirm", nil, s.confirmImport)
	form(view.PathImports+"/{id}/cancel", nil, s.cancelImport)
	form(view.PathImports+"/{id}/failures.csv", s.importFailures, nil)
}

func (s *Server) export(ctx context.Context, v *visit) error {
	return s.exportPage(ctx, v, http.StatusOK, view.Form{})
}

func (s *Server) exportPage(ctx context.Context, v *visit, status int, form view.Form) error {
	counts, err := s.Archive.Counts(ctx, s.DB, v.Account.ID)
	if err != nil {
		return err
	}
	backups, err := s.Archive.Backups(ctx, s.DB, v.Account.ID)
	if err != nil {
		return err
	}
	p := view.Export{Form: form, MayAsk: len(backups) == 0 || s.Clock.Now().Sub(backups[0].CreatedAt) >= archive.BackupEvery}
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	for _, e := range exported {
		p.Lists = append(p.Lists, view.ExportList{Label: e.label, URL: view.PathExports + "/" + e.path + ".csv", Count: counts[e.kind]})
	}
	for _, b := range backups {
		one := view.Backup{Size: b.Size, CreatedAt: b.CreatedAt}
		if b.Ready {
			one.URL = view.PathBackups + "/" + ids.Format(b.ID) + ".zip"
		}
		p.Backups = append(p.Backups, one)
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.Export(w, p) })
}

// attach says that what follows is a file to keep.
func attach(h http.Header, kind, name string) {
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "private, no-store")
}

func (s *Server) exportList(ctx context.Context, v *visit) error {
	for _, e := range exported {
		if e.path == chi.URLParam(v.r, "name") {
			attach(v.w.Header(), "text/csv; charset=utf-8", e.file+".csv")
			return s.Archive.Export(ctx, v.w, v.Account.ID, e.kind)
		}
	}
	return errs.NotFound()
}

func (s *Server) askBackup(ctx context.Context, v *visit) error {
	if err := s.Archive.WantBackup(ctx, v.Account.ID); err != nil {
		form, err := refused(err)
		if err != nil {
			return err
		}
		return s.exportPage(ctx, v, http.StatusUnprocessableEntity, form)
	}
	return v.see(view.PathExport + "?notice=archive")
}

// fetchBackup gives somebody their own archive, and nobody else (VIS-10, OPS-02).
func (s *Server) fetchBackup(ctx context.Context, v *visit) error {
	b, err := s.Archive.BackupOf(ctx, s.DB, v.Account.ID, pathID(v))
	if err != nil {
		return err
	}
	f, err := s.Files.Open(ctx, b.File)
	if err != nil {
		return err
	}
	defer f.Close()
	attach(v.w.Header(), "application/zip", "archive-"+b.CreatedAt.UTC().Format("20060102150405")+".zip")
	http.ServeContent(v.w, v.r, "", f.ModTime, f)
	return nil
}

// upload serves a form with a file: only from our own pages, and of bounded size (SES-11).
func (s *Server) upload(h handler) http.HandlerFunc {
	return s.guard(func(w http.ResponseWriter, r *http.Request) error {
		// Nobody uploads before it is known who it is.
		who, err := s.Visit(r)
		if err != nil {
			return err
		}
		if who == nil {
			return errs.New(errs.UnauthorizedKind, "You need to sign in before continuing.")
		}
		r.Body = http.MaxBytesReader(w, r.Body, archive.MaxFile+maxForm)
		err = r.ParseMultipartForm(uploadMemory)
		if r.MultipartForm != nil {
			defer func() { _ = r.MultipartForm.RemoveAll() }()
		}
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errs.New(errs.TooLargeKind, "The file is too large")
		}
		if err != nil {
			return errs.New(errs.MalformedKind, "The form cannot be read")
		}
		if !s.FormOK(r) {
			return errs.Invalid("")
		}
		w.Header().Set("Cache-Control", "private, no-store")
		return h(r.Context(), &visit{Visit: who, w: w, r: r})
	})
}

func (s *Server) imports(ctx context.Context, v *visit) error {
	return s.importsPage(ctx, v, http.StatusOK, view.Form{})
}

func (s *Server) importsPage(ctx context.Context, v *visit, status int, form view.Form) error {
	list, err := s.Archive.Imports(ctx, s.DB, v.Account.ID, shownImports)
	if err != nil {
		return err
	}
	p := view.Imports{Form: form}
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	for _, e := range exported {
		p.Types = append(p.Types, view.Option{Value: string(e.kind), Label: e.label})
	}
	for _, i := range list {
		p.Imports = append(p.Imports, shownImport(i))
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.Imports(w, p) })
}

func shownImport(i *archive.Import) view.Import {
	return view.Import{ID: ids.Format(i.ID), Label: labelOf(i.Type), Filename: i.Filename, Overwrite: i.Overwrite, Mismatched: i.Mismatched, Waiting: i.State == archive.Unconfirmed,
		Finished: i.State == archive.Finished, Total: i.Total, Processed: i.Processed, Imported: i.Imported, Failed: i.Failed(), CreatedAt: i.CreatedAt}
}

func (s *Server) uploadImport(ctx context.Context, v *visit) error {
	file, header, err := v.r.FormFile("data")
	if err != nil {
		return s.importsPage(ctx, v, http.StatusUnprocessableEntity, view.Form{Message: "Choose a file."})
	}
	defer file.Close()
	i, err := s.Archive.Upload(ctx, v.Account.ID, archive.Type(v.r.PostForm.Get("type")), v.r.PostForm.Get("mode") == "overwrite", header.Filename, file)
	if err != nil {
		form, err := refused(err)
		if err != nil {
			return err
		}
		return s.importsPage(ctx, v, http.StatusUnprocessableEntity, form)
	}
	return v.see(view.PathImports + "/" + ids.Format(i.ID))
}

func (s *Server) showImport(ctx context.Context, v *visit) error {
	i, err := s.Archive.Import(ctx, s.DB, v.Account.ID, pathID(v))
	if err != nil {
		return err
	}
	p := view.ImportPage{Import: shownImport(i)}
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.ImportPage(w, p) })
}

func (s *Server) confirmImport(ctx context.Context, v *visit) error {
	if err := s.Archive.Confirm(ctx, v.Account.ID, pathID(v)); err != nil {
		return err
	}
	return v.see(view.PathImports + "/" + ids.Format(pathID(v)))
}

func (s *Server) cancelImport(ctx context.Context, v *visit) error {
	if err := s.Archive.Cancel(ctx, v.Account.ID, pathID(v)); err != nil {
		return err
	}
	return v.see(view.PathImports)
}

func (s *Server) importFailures(ctx context.Context, v *visit) error {
	id := httpio.PathID(strings.TrimSuffix(chi.URLParam(v.r, "id"), "/"))
	if _, err := s.Archive.Import(ctx, s.DB, v.Account.ID, id); err != nil {
		return err
	}
	attach(v.w.Header(), "text/csv; charset=utf-8", "failures.csv")
	return s.Archive.Failures(ctx, v.w, v.Account.ID, id)
}
