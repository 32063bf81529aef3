"""What tests share: real servers, fault proxies, folders of their own."""
