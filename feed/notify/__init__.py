"""Announcements to chats and WebSub hubs."""
