package entity

type pieces struct{}

func newPieces() *pieces { return nil }
