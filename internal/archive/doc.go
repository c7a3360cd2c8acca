// Package archive keeps the history of charge points in a SQLite file of its own: it reads
// the topic, folds its records, and stores what they settle together with the position in
// the topic, in one transaction. A kill neither counts a record twice nor skips one.
//
// Rows are added, not changed: a HistoryView shows the history at any position that was pinned, or
// at the last commit.
package archive
