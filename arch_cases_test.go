package gomph_test

import "strings"

// archCases shows for each rule what it catches and what it leaves alone.
var archCases = []struct {
	name  string
	rule  func([]source) []string
	files map[string]string
	want  string // part of the complaint; "" when there must be none
}{
	{"kit imports a domain", floors, file("internal/kit/db/db.go", `package db; import _ "github.com/gomph/gomph/internal/domain/accounts"`), "a floor above"},
	{"a domain imports a door", floors, file("internal/domain/media/a.go", `package media; import _ "github.com/gomph/gomph/internal/door/site"`), "a floor above"},
	{"a test of kit imports app", floors, file("internal/kit/db/db_test.go", `package db; import _ "github.com/gomph/gomph/internal/app"`), "a floor above"},
	{"a door imports down", floors, file("internal/door/site/a.go", `package site; import _ "github.com/gomph/gomph/internal/domain/media"`), ""},
	{"the first domain imports a later one", domainOrder,
		file("internal/domain/accounts/a.go", `package accounts; import _ "github.com/gomph/gomph/internal/domain/statuses"`), "accounts stands before statuses"},
	{"a later domain imports the first", domainOrder,
		file("internal/domain/statuses/a.go", `package statuses; import _ "github.com/gomph/gomph/internal/domain/accounts"`), ""},
	{"a domain without a place", domainOrder, file("internal/domain/misc/a.go", `package misc`), "no place in the order"},
	{"a door imports another", doors, file("internal/door/site/a.go", `package site; import _ "github.com/gomph/gomph/internal/door/activitypub"`), "A door imports no other"},
	{"parts of one door share", doors,
		file("internal/door/mastodon/rest/a.go", `package rest; import _ "github.com/gomph/gomph/internal/door/mastodon/entity"`), ""},
	{"entities import their door", doors,
		file("internal/door/mastodon/entity/a.go", `package entity; import _ "github.com/gomph/gomph/internal/door/mastodon/rest"`), "bottom of this door"},
	{"a domain imports app", appAndTestkit, file("internal/door/site/a.go", `package site; import _ "github.com/gomph/gomph/internal/app"`), "whole program"},
	{"cmd imports app", appAndTestkit, file("cmd/gomph/main.go", `package main; import _ "github.com/gomph/gomph/internal/app"`), ""},
	{"code imports testkit", appAndTestkit, file("internal/kit/db/a.go", `package db; import _ "github.com/gomph/gomph/internal/testkit/make"`), "Only tests may"},
	{"a test imports testkit", appAndTestkit, file("internal/kit/db/a_test.go", `package db; import _ "github.com/gomph/gomph/internal/testkit/make"`), ""},
	{"a door holds SQL", sqlPlaces, file("internal/door/site/a.go", "package site; const q = `\n SELECT id FROM accounts`"), "holds SQL"},
	{"a door speaks of an update", sqlPlaces, file("internal/door/site/a.go", `package site; const a, b = "Update", "UPDATE is sent"`), ""},
	{"a domain holds SQL", sqlPlaces, file("internal/domain/media/a.go", `package media; const q = "DELETE FROM media"`), ""},
	{"two packages write a table", oneWriter, map[string]string{
		"internal/domain/media/a.go":    `package media; const q = "INSERT INTO media (id) VALUES ($1)"`,
		"internal/domain/statuses/a.go": "package statuses; const q = `UPDATE media\nSET x = 1`",
	}, "table media is written by several packages"},
	{"one package writes, another joins", oneWriter, map[string]string{
		"internal/domain/media/a.go":    `package media; const q = "INSERT INTO media (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET x = 1"`,
		"internal/domain/statuses/a.go": `package statuses; const q = "INSERT INTO statuses (id) SELECT id FROM media FOR UPDATE"`,
	}, ""},
	{"a long file", length, file("internal/kit/db/db.go", "package db\n"+strings.Repeat("//\n", mostLines)), "501 lines"},
	{"a package says nothing", packageComments, file("internal/kit/db/db.go", `package db`), `starts with "Package db owns"`},
	{"a package says it elsewhere", packageComments, map[string]string{
		"internal/kit/db/db.go": `package db`, "internal/kit/db/open.go": "// Package db owns a database.\npackage db",
	}, "no package comment in db.go"},
	{"a package says it", packageComments, file("internal/kit/db/db.go", "// Package db owns a database.\npackage db"), ""},
	{"a command says it", packageComments, file("cmd/gomph/main.go", "// Command gomph serves.\npackage main"), ""},
	{"a package that is never built", packageComments, file("deps.go", "//go:build never\n\npackage deps"), ""},
	{"init", forbidden, file("internal/kit/db/db.go", `package db; func init() {}`), "declares init"},
	{"a method called init", forbidden, file("internal/kit/db/db.go", `package db; func (x T) init() {}`), ""},
	{"a test sleeps", forbidden, file("internal/kit/db/a_test.go", `package db; import "time"; func f() { time.Sleep(1) }`), "sleeps"},
	{"a test sleeps on a clock of its own", forbidden,
		file("internal/kit/db/a_test.go", `package db; import ("testing/synctest"; "time"); func f() { time.Sleep(1); synctest.Wait() }`), ""},
	{"a program sleeps", forbidden, file("internal/kit/db/a.go", `package db; import "time"; func f() { time.Sleep(1) }`), ""},
	{"a domain knows JSON", forbidden, file("internal/domain/media/a.go", "package media; type T struct { A int `json:\"a\"` }"), "json tag in a domain"},
	{"an entity knows JSON", forbidden, file("internal/door/mastodon/entity/a.go", "package entity; type T struct { A int `json:\"a\"` }"), ""},
	{"unfinished work", forbidden, file("internal/kit/db/a.go", "package db // TO"+"DO: more"), "unfinished work"},
}

func file(name, text string) map[string]string { return map[string]string{name: text} }
