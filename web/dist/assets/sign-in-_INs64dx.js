function n(){return null}function u(){return null}function e(){return null}export{u as LinkPage,e as SetUpPage,n as SignInPage};
